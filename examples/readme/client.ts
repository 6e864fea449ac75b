import { retryingFetch } from "once-again/client";

const fetch = retryingFetch({ keys: ["http://127.0.0.1:3000"] });
const response = await fetch("http://127.0.0.1:3000/orders", {
  method: "POST",
  headers: { authorization: "Bearer secret", "content-type": "application/json" },
  body: '{"item":"coffee"}',
});
console.log(response.status, await response.text());
