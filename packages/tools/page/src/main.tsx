import { render } from "preact";
import "./theme.css";
import { Shell } from "./shell.tsx";

render(<Shell />, document.getElementById("app")!);
