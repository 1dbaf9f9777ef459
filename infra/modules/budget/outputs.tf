output "budget_name" {
  description = "Name of the budget."
  value       = aws_budgets_budget.monthly.name
}

output "alarm_key" {
  description = "Anchor of docs/runbook.md about these warnings."
  value       = "budget"
}
