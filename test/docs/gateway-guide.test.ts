import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { readConfig } from "../../packages/gateway/src/config/read-config.ts";
import { temporaryFolder } from "../support/temporary-folder.ts";

// Takes the files that docs/guides/gateway.md has users write as they stand there.

const page = readFileSync("docs/guides/gateway.md", "utf8");
const blocks = Array.from(page.matchAll(/^```yaml\n(.*?)^```/gms), ([, block = ""]) => block);
const place = "upstream: http://127.0.0.1:8080\nstore: sqlite:keys.db\n";

const read = (file: string, text: string) => {
  const path = join(temporaryFolder(), file);
  writeFileSync(path, text);
  return path;
};

test.each(blocks.filter((block) => block.startsWith("scope:")))("the scope %# is taken", (block) => {
  expect(readConfig({ file: read("gateway.yaml", `${place}${block}`), flags: {} }).scope.by).toMatch(
    /^(header|jwt|auth)$/,
  );
});

test("the configuration is taken, with all its routes", () => {
  const [block = ""] = blocks.filter((one) => one.startsWith("upstream:"));
  vi.stubEnv("DATABASE_URL", "postgres://localhost/shop");
  onTestFinished(() => void vi.unstubAllEnvs());
  const { routes } = readConfig({ file: read("gateway.yaml", block), flags: {} });
  expect(routes.map(({ path, keyed }) => `${path} ${keyed}`)).toEqual([
    "/login false",
    "/orders/{id}/pay required",
    "/orders/* required",
    "* required",
  ]);
});

test("the OpenAPI document is taken", () => {
  const [block = ""] = blocks.filter((one) => one.startsWith("paths:"));
  const openapi = read("api.yaml", `openapi: 3.1.0\n${block}`);
  const file = read("gateway.yaml", `${place}scope: header:x-account\nopenapi: ${openapi}`);
  expect(readConfig({ file, flags: {} }).routes).toMatchObject([
    { path: "/orders", keyed: "required", retentionMs: 604_800_000 },
    { path: "/orders/search", keyed: false },
  ]);
});
