import { render } from "preact";
import "../theme.css";
import ordersText from "../../../orders.ndjson?raw";
import { labRoutes } from "../../../src/console/lab/lab-routes.ts";
import { stormsSection } from "../../../src/console/storms/storms-section.ts";
import { LiveLab } from "../../../src/lab/live/live-lab.ts";
import { type Order, parseOrder } from "../../../src/lab/orders.ts";
import { LabPage } from "../lab/lab-page.tsx";
import { connect } from "../session.ts";
import { type Pages, Shell } from "../shell.tsx";
import { isPlayground, place } from "../shell-state.ts";
import { StormsPage } from "../storms/storms-page.tsx";
import { readAddress, writeAddress } from "./address.ts";
import { CheckoutPage } from "./checkout/checkout-page.tsx";
import { CrashPage } from "./crash/crash-page.tsx";
import { pageConsole } from "./page-console.ts";
import { startPageRun } from "./page-run.ts";
import { drawVisibleText } from "../ui/visible-text.ts";

const pages: Pages = {
  crash: { title: "Crash", page: CrashPage },
  checkout: { title: "Checkout", page: CheckoutPage },
  lab: { title: "Lab", page: LabPage },
  storms: { title: "Storms", page: StormsPage },
};

isPlayground.value = true;
place.value = location.hash.replace(/^#/, "");
const { lab: settings } = readAddress();
const orders = ordersText.split("\n").flatMap((line): Order[] => {
  const read = line === "" ? { problem: "empty" } : parseOrder(line);
  return "order" in read ? [read.order] : [];
});
const lab = new LiveLab(orders, settings, startPageRun);
const labSection = { name: "lab", routes: labRoutes(lab), close: () => lab.stage[Symbol.asyncDispose]() } as const;
connect(pageConsole([labSection, stormsSection()], Object.keys(pages)));
drawVisibleText();
render(<Shell pages={pages} brand={<a href="../">once-again</a>} />, document.getElementById("app")!);
writeAddress();
