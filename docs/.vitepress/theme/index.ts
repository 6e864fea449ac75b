import { inBrowser, onContentUpdated, type Theme } from "vitepress";
import defaultTheme from "vitepress/theme";
import { defineComponent, h } from "vue";
import { applyChoices, listenForChoices } from "./choices.ts";
import { MermaidDiagram } from "./mermaid-diagram.ts";
import { preloadSearchIndex } from "./search-index.ts";
import "./style.css";
import "./home.css";

const Layout = defineComponent({
  setup() {
    onContentUpdated(applyChoices);
    return () => h(defaultTheme.Layout);
  },
});

const theme: Theme = {
  extends: defaultTheme,
  Layout,
  enhanceApp({ app }) {
    app.component("MermaidDiagram", MermaidDiagram);
    if (!inBrowser) return;
    listenForChoices();
    preloadSearchIndex();
  },
};

export default theme;
