// One row: its two views, its values changed where they stand, what refers to it, its end.
import { ask, element, tableAddress, tell, toast } from "./asking.js";
import { json } from "./colours.js";
import { edit } from "./editing.js";

const home = document.getElementById("row");

for (const place of document.querySelectorAll("pre.json")) place.replaceChildren(...json(place.textContent));

async function count() {
  const parameters = new URLSearchParams(JSON.parse(home.dataset.key).map((part) => ["k", part]));
  const { counts } = await ask(`${tableAddress(home.dataset.table, "/referring")}?${parameters}`);
  for (const item of document.querySelectorAll("#referring li")) item.querySelector(".count").textContent = counts[item.dataset.place] ?? "many";
}

function view(name) {
  for (const tab of home.querySelectorAll("[data-view]")) {
    const chosen = tab.dataset.view === name;
    tab.setAttribute("aria-selected", String(chosen));
    document.getElementById(tab.dataset.view).hidden = !chosen;
  }
}

export function askToDelete() {
  const table = home.dataset.table;
  const dialog = element("dialog", { class: "sheet", "aria-label": "Delete this row" });
  const remove = async () => {
    try {
      await tell(tableAddress(table, "/delete"), { key: JSON.parse(home.dataset.key) });
      location.assign(tableAddress(table));
    } catch (error) {
      dialog.close();
      toast(error.message, { bad: true });
    }
  };
  dialog.append(
    element("h2", {}, "Delete this row?"),
    element("p", {}, `It is taken out of ${table} for good, with the rows that the database deletes along with it. The audit trail keeps what it was.`),
    element(
      "form",
      { method: "dialog" },
      element("button", { value: "no" }, "Keep it"),
      element("button", { type: "button", class: "danger", id: "delete-for-good", onclick: remove }, "Delete row"),
    ),
  );
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

if (home) {
  home.querySelectorAll("[data-view]").forEach((tab) => tab.addEventListener("click", () => view(tab.dataset.view)));
  home.addEventListener("dblclick", (event) => {
    const value = event.target.closest("dd[data-column]");
    if (value && !event.target.closest(".editor-cell")) edit(home, home.dataset.key, value);
  });
  home.addEventListener("keydown", (event) => {
    const value = event.target.closest("dd[data-column]");
    if (value === event.target && ["e", "Enter"].includes(event.key)) {
      event.preventDefault();
      edit(home, home.dataset.key, value);
    }
  });
  if (document.getElementById("referring")) count().catch((error) => toast(error.message, { bad: true }));
}
