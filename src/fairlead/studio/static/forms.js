// The filter of a list, and the form of a new row.
import { tableAddress, tell, toast } from "./asking.js";

const filter = document.getElementById("filter");
const made = document.getElementById("new");

function operators() {
  const column = document.getElementById("filter-column");
  const operator = document.getElementById("filter-operator");
  const words = JSON.parse(filter.dataset.words);
  const allowed = JSON.parse(filter.dataset.operators)[column.value] ?? [];
  operator.replaceChildren(...allowed.map((name) => new Option(words[name][0], name)));
  const labels = column.selectedOptions[0]?.dataset.labels ?? "";
  const offered = column.selectedOptions[0]?.dataset.kind === "boolean" ? "true\nfalse" : labels;
  document.getElementById("filter-labels").replaceChildren(...offered.split("\n").filter(Boolean).map((label) => new Option(label)));
  value();
}

function value() {
  const words = JSON.parse(filter.dataset.words);
  document.getElementById("filter-value").hidden = !words[document.getElementById("filter-operator").value]?.[1];
}

export function toggleFilter(column) {
  if (!filter) return;
  filter.hidden = !filter.hidden;
  document.getElementById("add-filter").setAttribute("aria-expanded", String(!filter.hidden));
  if (filter.hidden) return;
  if (column) document.getElementById("filter-column").value = column;
  operators();
  document.getElementById("filter-column").focus();
}

if (filter) {
  document.getElementById("filter-column").addEventListener("change", operators);
  document.getElementById("filter-operator").addEventListener("change", value);
  filter.addEventListener("submit", () => {
    const text = document.getElementById("filter-text");
    const given = document.getElementById("filter-value");
    const column = document.getElementById("filter-column").value;
    text.value = `${column}:${document.getElementById("filter-operator").value}:${given.hidden ? "" : given.value}`;
    text.disabled = false;
  });
}

if (made) {
  const field = (how) => made.elements[how.dataset.for];
  const hows = [...made.querySelectorAll(".how")];
  const set = (how) => (field(how).disabled = how.value !== "value");
  hows.forEach((how) => {
    how.addEventListener("change", () => set(how));
    field(how).closest(".value").addEventListener("pointerdown", (event) => {
      if (event.target === field(how) && field(how).disabled) {
        how.value = "value";
        set(how);
        field(how).focus();
      }
    });
    set(how);
  });
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    const values = {};
    for (const how of hows) if (how.value !== "default") values[how.dataset.for] = how.value === "null" ? null : field(how).value;
    try {
      location.assign((await tell(tableAddress(made.dataset.table, "/add"), { values })).address);
    } catch (error) {
      toast(error.message, { bad: true });
    }
  });
}
