/** Says what went wrong, and offers to try again. */
export function Problem({ text, retry }: { text: string; retry?: () => unknown }) {
  return (
    <div class="problem" role="alert">
      <p>{text}</p>
      {retry && (
        <button type="button" onClick={() => void retry()}>
          Try again
        </button>
      )}
    </div>
  );
}
