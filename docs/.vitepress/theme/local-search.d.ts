declare module "@localSearchIndex" {
  /** The full-text index of each language, as JSON; it is loaded when asked for. */
  const index: Readonly<Record<string, () => Promise<{ readonly default: string }>>>;
  export default index;
}
