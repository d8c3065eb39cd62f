// A value changed where it stands. What was seen goes along, so that nobody's later change is overwritten.
import { ask, element, tableAddress, tell, toast } from "./asking.js";

const kinds = ["boolean", "enum", "json", "array", "number", "time", "text"];

// Where a column is described: in a grid its head, on a row's page the value's own place.
const described = (cell) => cell.closest("table")?.tHead.rows[0].cells[cell.cellIndex] ?? cell;
const labels = (cell) => described(cell).dataset.labels?.split("\n");

function field(kind, cell, value) {
  const choices = kind === "boolean" ? ["true", "false"] : labels(cell);
  if (choices) {
    const made = element("select", {}, ...choices.map((each) => element("option", { selected: each === value }, each)));
    return made;
  }
  const long = kind === "json" || kind === "array" || (value ?? "").length > 60 || (value ?? "").includes("\n");
  const made = element(long ? "textarea" : "input", { spellcheck: "false", autocomplete: "off" });
  made.value = kind === "json" ? pretty(value) : (value ?? "");
  return made;
}

function pretty(value) {
  try {
    return JSON.stringify(JSON.parse(value), null, 2);
  } catch {
    return value ?? "";
  }
}

const short = (value) => (value.length > 160 ? `${value.slice(0, 160)}…` : value);

function shown(cell, kind, value) {
  cell.classList.toggle("null", value === null);
  if (value === null) cell.replaceChildren("null");
  else if (kind === "boolean" || kind === "enum") cell.replaceChildren(element("span", { class: `pill ${value}` }, value));
  else cell.replaceChildren(cell.tagName === "TD" ? short(value) : value);
}

export async function edit(home, key, cell) {
  if (!("editable" in home.dataset) || cell.classList.contains("editing")) return;
  if ("fixed" in cell.dataset) return toast("This column is the row's key, or the database makes it.");
  const { column } = cell.dataset;
  const kind = kinds.find((each) => cell.classList.contains(each)) ?? "text";
  const parameters = new URLSearchParams([["column", column], ...JSON.parse(key).map((part) => ["k", part])]);
  let seen;
  try {
    seen = (await ask(`${tableAddress(home.dataset.table, "/cell")}?${parameters}`)).value;
  } catch (error) {
    return toast(error.message, { bad: true });
  }
  const before = [...cell.childNodes];
  const input = field(kind, cell, seen);
  const wrong = element("p", { class: "wrong", role: "alert", hidden: true });
  const close = () => {
    cell.classList.remove("editing");
    cell.replaceChildren(...before);
  };
  const save = async (value) => {
    try {
      const kept = await tell(tableAddress(home.dataset.table, "/change"), { key: JSON.parse(key), column, seen, value });
      cell.classList.remove("editing");
      shown(cell, kind, kept.value);
      toast(`${column} changed.`);
    } catch (error) {
      wrong.textContent = error.message;
      wrong.hidden = false;
    }
  };
  const box = element(
    "div",
    { class: "editor-cell" },
    input,
    wrong,
    element(
      "div",
      { class: "ends" },
      ...("nullable" in described(cell).dataset ? [element("button", { type: "button", class: "quiet", onclick: () => save(null) }, "Set null")] : []),
      element("button", { type: "button", class: "quiet", onclick: close }, "Cancel"),
      element("button", { type: "button", class: "primary", onclick: () => save(input.value) }, "Save"),
    ),
  );
  box.addEventListener("keydown", (event) => {
    event.stopPropagation();
    if (event.key === "Escape") close();
    if (event.key === "Enter" && (input.tagName !== "TEXTAREA" || event.ctrlKey || event.metaKey) && event.target === input) {
      event.preventDefault();
      save(input.value);
    }
  });
  cell.classList.add("editing");
  cell.replaceChildren(box);
  input.focus();
  input.select?.();
}
