import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

interface ConfirmProps {
  readonly title: string;
  /** The text of the button that confirms: a verb. */
  readonly action: string;
  readonly children: ComponentChildren;
  readonly onConfirm: () => unknown;
  readonly onCancel: () => unknown;
}

/** Asks before something that can't be undone. The browser's own dialog keeps the focus inside, and Escape cancels. */
export function Confirm({ title, action, children, onConfirm, onCancel }: ConfirmProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} aria-labelledby="confirm-title" onCancel={() => void onCancel()}>
      <h2 id="confirm-title">{title}</h2>
      {children}
      <div class="row end">
        <button type="button" onClick={() => void onCancel()}>
          Cancel
        </button>
        <button type="button" class="danger" onClick={() => void onConfirm()}>
          {action}
        </button>
      </div>
    </dialog>
  );
}
