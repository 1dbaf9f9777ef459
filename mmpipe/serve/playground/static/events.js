// What the shopper of this tab does, told to the service as a shop's page would tell it.
import * as api from "./api.js";
import { remember, shopper } from "./shoppers.js";

// One event of a product; nothing where nobody shops. `context` is where it was shown. True once it counts.
export async function tell(collection, type, product, context = null) {
  const { name, id } = shopper();
  if (id === null) return false;
  const event = { type, event_id: crypto.randomUUID(), session_id: id, product_id: product.id };
  if (context) event.context = Object.fromEntries(Object.entries(context).filter(([, value]) => value !== null && value !== undefined));
  const answer = await api.post("/v1/interactions", { collection, interactions: [event] });
  if (answer.accepted) remember(name, { type, id: product.id, title: product.title });
  return answer.accepted > 0;
}
