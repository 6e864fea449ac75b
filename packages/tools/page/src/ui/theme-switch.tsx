import { effect, signal } from "@preact/signals";

const themeItem = "once-again-theme";
const prefersDark = matchMedia("(prefers-color-scheme: dark)");

/** "dark" or "light": the system's wish, until the person chooses. Plots read it, to draw themselves again. */
export const theme = signal(localStorage.getItem(themeItem) ?? (prefersDark.matches ? "dark" : "light"));

prefersDark.addEventListener("change", ({ matches }) => {
  if (localStorage.getItem(themeItem) === null) theme.value = matches ? "dark" : "light";
});
effect(() => void (document.documentElement.dataset["theme"] = theme.value));

/** Switches between light and dark. */
export function ThemeSwitch() {
  const other = theme.value === "dark" ? "light" : "dark";
  const change = (): void => {
    localStorage.setItem(themeItem, other);
    theme.value = other;
  };
  return (
    <button type="button" class="theme" onClick={change}>
      {other === "dark" ? "☾ Go dark" : "☀ Go light"}
    </button>
  );
}
