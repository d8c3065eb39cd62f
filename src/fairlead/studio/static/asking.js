// Requests to this studio, and to nowhere else: what changes something carries this page's token.
const token = document.querySelector('meta[name="csrf"]')?.content ?? "";

async function answered(response) {
  let body;
  try {
    body = await response.json();
  } catch {
    throw new Error(response.ok ? "Studio gave no answer that can be read." : await sentence(response));
  }
  if (!response.ok) throw new Error(body.error ?? "That did not work.");
  return body;
}

async function sentence(response) {
  return `Studio refused this (${response.status}).`;
}

async function sent(address, options) {
  let response;
  try {
    response = await fetch(address, options);
  } catch {
    throw new Error("Studio does not answer. Was it stopped?");
  }
  return answered(response);
}

export const ask = (address) => sent(address, { headers: { Accept: "application/json" } });

export const tell = (address, body) =>
  sent(address, {
    method: "POST",
    headers: { "Content-Type": "application/json", "X-Fairlead-Studio": token },
    body: JSON.stringify(body),
  });

let fading;
export function toast(text, { bad = false } = {}) {
  const place = document.getElementById("toast");
  place.textContent = text;
  place.classList.toggle("bad", bad);
  place.classList.add("shown");
  clearTimeout(fading);
  fading = setTimeout(() => place.classList.remove("shown"), bad ? 6000 : 2500);
}

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "class") made.className = value;
    else if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

export const tableAddress = (table, suffix = "") => `/t/${encodeURIComponent(encodeURIComponent(table))}${suffix}`;
