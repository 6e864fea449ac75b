/** Says to a person who may only look how to do more. */
export function TokenNote({ to }: { to: string }) {
  return (
    <p class="quiet">
      You may look. To {to}, open the address that the console printed when it started: the token is in it.
    </p>
  );
}
