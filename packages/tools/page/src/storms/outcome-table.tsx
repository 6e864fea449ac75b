import { measures, formatVerdict } from "../../../src/console/storms/format.ts";
import { colourOf, standing } from "./series.ts";
import { results } from "./storms-state.ts";

/** The result of each policy, in numbers. */
export function OutcomeTable() {
  return (
    <div class="card scroll outcomes">
      <table>
        <caption class="quiet">What became of it</caption>
        <thead>
          <tr>
            <th scope="col">Policy</th>
            <th scope="col">The service</th>
            {measures.map(([heading]) => (
              <th key={heading} scope="col" class="number">
                {heading}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {results.value.map((result, index) => {
            const { sign, kind } = standing(result);
            return (
              <tr key={result.name}>
                <th scope="row">
                  <span class="swatch" style={{ background: `var(${colourOf(index)})` }} aria-hidden="true" />
                  {result.name}
                </th>
                <td class={kind}>
                  <span aria-hidden="true">{sign}</span> {formatVerdict(result)}
                </td>
                {measures.map(([heading, value]) => (
                  <td key={heading} class="number" data-heading={heading}>
                    {value(result)}
                  </td>
                ))}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
