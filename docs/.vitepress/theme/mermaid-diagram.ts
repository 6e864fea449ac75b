import scriptUrl from "@mermaid-js/tiny/dist/mermaid.tiny.js?url";
import { useData } from "vitepress";
import { defineComponent, h, onMounted, ref, useId, useTemplateRef, watch } from "vue";

/** The object that the script puts into the page. */
interface Mermaid {
  initialize(options: Record<string, unknown>): void;
  render(id: string, text: string, container: Element): Promise<{ svg: string }>;
}

/** How high one line of a diagram's text is drawn, roughly. */
const lineHeightPx = 40;

let loaded: Promise<Mermaid> | undefined;

/** Loads the script once, on the first page that has a diagram. It comes from the site itself. */
function loadMermaid(): Promise<Mermaid> {
  loaded ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = scriptUrl;
    script.addEventListener("load", () => resolve((globalThis as unknown as { mermaid: Mermaid }).mermaid));
    script.addEventListener("error", reject);
    document.head.append(script);
  });
  return loaded;
}

/** The colours of the page, as it is now. */
function pageColours(): Record<string, string> {
  const styles = getComputedStyle(document.documentElement);
  const colour = (name: string): string => styles.getPropertyValue(`--vp-c-${name}`);
  return {
    background: colour("bg"),
    primaryColor: colour("bg-soft"),
    primaryTextColor: colour("text-1"),
    primaryBorderColor: colour("border"),
    lineColor: colour("text-2"),
    textColor: colour("text-1"),
    edgeLabelBackground: colour("bg"),
    noteBkgColor: colour("gray-3"),
    noteTextColor: colour("text-1"),
    noteBorderColor: colour("gray-1"),
  };
}

/** A diagram in Mermaid's language, drawn in the reader's browser, again when light and dark change. */
export const MermaidDiagram = defineComponent({
  props: { text: { type: String, required: true } },
  setup(props) {
    const { isDark } = useData();
    const id = useId();
    const container = useTemplateRef<HTMLDivElement>("container");
    const svg = ref("");
    const draw = async (): Promise<void> => {
      const mermaid = await loadMermaid();
      mermaid.initialize({
        startOnLoad: false,
        theme: "base",
        themeVariables: pageColours(),
        fontFamily: "inherit",
        sequence: { mirrorActors: false },
      });
      // It is measured where it will stand.
      const place = container.value!;
      ({ svg: svg.value } = await mermaid.render(`diagram-${id}`, decodeURIComponent(props.text), place));
    };
    onMounted(draw);
    watch(isDark, draw, { flush: "post" });
    // Until it is drawn, it takes about the room that it will need: links to places below lead there all the same.
    const minHeight = `${decodeURIComponent(props.text).split("\n").length * lineHeightPx}px`;
    return () =>
      h("div", {
        ref: "container",
        class: "diagram",
        innerHTML: svg.value,
        style: svg.value === "" ? { minHeight } : {},
      });
  },
});
