import scriptUrl from "@mermaid-js/tiny/dist/mermaid.tiny.js?url";
import { useData } from "vitepress";
import { defineComponent, h, onMounted, ref, useId, watch } from "vue";

/** What the script puts into the page. */
interface Mermaid {
  initialize(options: Record<string, unknown>): void;
  render(id: string, text: string): Promise<{ svg: string }>;
}

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

/** A diagram in Mermaid's language, drawn in the reader's browser, again when light and dark change. */
export const MermaidDiagram = defineComponent({
  props: { text: { type: String, required: true } },
  setup(props) {
    const { isDark } = useData();
    const id = useId();
    const svg = ref("");
    const draw = async (): Promise<void> => {
      const mermaid = await loadMermaid();
      const theme = isDark.value ? "dark" : "neutral";
      mermaid.initialize({ startOnLoad: false, theme, fontFamily: "inherit" });
      ({ svg: svg.value } = await mermaid.render(`diagram-${id}`, decodeURIComponent(props.text)));
    };
    onMounted(draw);
    watch(isDark, draw);
    return () => h("div", { class: "diagram", innerHTML: svg.value });
  },
});
