// One list to choose from: tables (g t), organizations (g o).
import { ask, element, tableAddress, tell, toast } from "./asking.js";

const dialog = document.getElementById("palette");
const input = document.getElementById("palette-input");
const list = document.getElementById("palette-list");
let source;
let choices = [];
let chosen = 0;

function show() {
  list.replaceChildren(
    ...choices.map((choice, place) =>
      element(
        "li",
        { role: "option", id: `choice-${place}`, "aria-selected": String(place === chosen), onclick: () => take(place) },
        element("span", {}, choice.text),
        element("small", {}, choice.more ?? ""),
      ),
    ),
  );
  input.setAttribute("aria-activedescendant", choices.length ? `choice-${chosen}` : "");
  list.children[chosen]?.scrollIntoView({ block: "nearest" });
}

async function look() {
  const typed = input.value;
  try {
    const found = await source(typed.trim().toLowerCase());
    if (typed !== input.value) return;
    choices = found;
    chosen = 0;
    show();
  } catch (error) {
    toast(error.message, { bad: true });
  }
}

function take(place) {
  const choice = choices[place];
  if (!choice) return;
  dialog.close();
  choice.take();
}

function open(from, placeholder) {
  if (!dialog || dialog.open) return;
  source = from;
  input.value = "";
  input.placeholder = placeholder;
  choices = [];
  show();
  dialog.showModal();
  look();
}

const go = (address) => () => location.assign(address);

function tables(typed) {
  const known = [...document.querySelectorAll(".tables a")].map((link) => ({
    text: link.dataset.table,
    more: link.querySelector("small")?.textContent,
    take: go(link.href),
  }));
  const places = [...document.querySelectorAll(".places a")].map((link) => ({ text: link.textContent, take: go(link.href) }));
  const found = [...known, ...places].filter((choice) => choice.text.toLowerCase().includes(typed));
  return found.sort((one, other) => Number(other.text.startsWith(typed)) - Number(one.text.startsWith(typed)));
}

export async function lookAt(slug) {
  try {
    await tell("/tenant", { slug });
    location.reload();
  } catch (error) {
    toast(error.message, { bad: true });
  }
}

async function organizations(typed) {
  const found = await ask(`/organizations?q=${encodeURIComponent(typed)}`);
  const all = { text: "Everybody", more: "all rows that this login may see", take: () => lookAt("") };
  return [...(typed ? [] : [all]), ...found.map((each) => ({ text: each.slug, more: each.name, take: () => lookAt(each.slug) }))];
}

export const openTables = () => open(tables, "Go to a table");
export const openOrganizations = () =>
  document.querySelector('[data-do="tenants"]') && open(organizations, "Whose rows are shown");

input?.addEventListener("input", look);
input?.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && choices.length) {
    chosen = (chosen + step + choices.length) % choices.length;
    show();
  } else if (event.key === "Enter") take(chosen);
  else return;
  event.preventDefault();
});
dialog?.addEventListener("click", (event) => event.target === dialog && dialog.close());

export { tableAddress };
