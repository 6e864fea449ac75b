import { options, type VNode } from "preact";
import { escapeControls } from "../../../src/cli/keys/printable.ts";

const labels = ["aria-label", "title", "alt"] as const;

/** Text as a page may show it: as a terminal would (see `escapeControls`), with its lines. */
const visible = (text: string): string => text.replaceAll(/[^\n\t]+/g, (part) => escapeControls(part));

/**
 * Has a page escape each invisible character in all that it draws, wherever that comes from: callers choose keys, labels, headers
 * and bodies, and a text that runs backwards shows another amount. What is copied or sent is as it was.
 */
export function drawVisibleText(): void {
  const before = options.vnode?.bind(options);
  options.vnode = (node: VNode) => {
    if (typeof node.type === "string") {
      const props = node.props as Record<string, unknown>;
      props["children"] = visibleChildren(props["children"]);
      for (const name of labels) if (typeof props[name] === "string") props[name] = visible(props[name]);
    }
    before?.(node);
  };
}

function visibleChildren(children: unknown): unknown {
  if (typeof children === "string") return visible(children);
  return Array.isArray(children) ? children.map(visibleChildren) : children;
}
