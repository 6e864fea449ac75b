/**
 * A checkout page, paid carelessly and safely, on a network that loses answers. Open the address that it prints.
 *
 *     npm run example examples/checkout/main.ts
 */
import { startShop } from "./shop.ts";

const { url } = await startShop();
console.log(`Open ${url} and pay. Press Ctrl+C to end.`);
