import { render } from "preact";
import "./theme.css";
import { GatewaysPage } from "./gateways/gateways-page.tsx";
import { KeysPage } from "./keys/keys-page.tsx";
import { LabPage } from "./lab/lab-page.tsx";
import { MessagesPage } from "./messages/messages-page.tsx";
import { type Pages, Shell } from "./shell.tsx";
import { StormsPage } from "./storms/storms-page.tsx";
import { drawVisibleText } from "./ui/visible-text.ts";

const pages: Pages = {
  lab: { title: "Lab", page: LabPage },
  storms: { title: "Storms", page: StormsPage },
  keys: { title: "Keys", page: KeysPage },
  messages: { title: "Messages", page: MessagesPage },
  gateways: { title: "Gateways", page: GatewaysPage },
};

drawVisibleText();
render(<Shell pages={pages} brand="once-again" />, document.getElementById("app")!);
