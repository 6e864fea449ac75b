import { verify } from "@once-again/tools/verify";

const url = process.env["ORDERS_URL"] ?? "http://127.0.0.1:3000/orders";
const { cases } = await verify({
  url,
  headers: [["x-account", "acme"]],
  otherHeaders: [["x-account", "other"]],
  body: '{"item":"coffee","reference":"{{unique}}"}',
});

const failed = cases.filter(({ kind }) => kind === "fail");
for (const { id, title, observed } of failed) console.log(id, title, observed);
console.log(`${failed.length} of ${cases.length} cases failed`);
