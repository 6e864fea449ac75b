import { retryingFetch } from "once-again/client";

const fetch = retryingFetch({ keys: ["http://127.0.0.1:3000"] });
const order = { method: "POST", body: '{"item":"coffee"}', headers: { "content-type": "application/json" } };
const response = await fetch("http://127.0.0.1:3000/orders", order);
console.log(response.status, await response.text());
