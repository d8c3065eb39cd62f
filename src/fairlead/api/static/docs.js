// Shows every operation of /openapi.json. Loads nothing else, and writes text only, never markup.
"use strict";

const JSON_TYPE = "application/json";
const LONG_NAME = "InOrganization"; // the same operation at the address that names the organization

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text !== null) made.textContent = text;
  made.append(...children);
  return made;
}

function link(text, address) {
  const made = element("a", text);
  made.href = address;
  return made;
}

// What a reference of the document names, such as #/components/schemas/Item; anything else as it is.
function followed(part, whole) {
  if (!part || !part.$ref) return part;
  return part.$ref.split("/").slice(1).reduce((place, step) => place[step], whole);
}

function shape(schema, whole) {
  const named = schema.$ref && schema.$ref.split("/").pop();
  if (named && !followed(schema, whole).enum) return named;
  const meant = followed(schema, whole);
  const parts = meant.anyOf || meant.oneOf;
  if (parts) return parts.map((part) => shape(part, whole)).join(" | ");
  if (meant.enum) return meant.enum.map((value) => JSON.stringify(value)).join(" | ");
  if ("const" in meant) return JSON.stringify(meant.const);
  if (meant.type === "array") return `[${shape(meant.items || {}, whole)}]`;
  return meant.format ? `${meant.type} (${meant.format})` : meant.type || "any";
}

const BOUNDS = {
  minimum: "at least", maximum: "at most", exclusiveMinimum: "more than", exclusiveMaximum: "less than",
  minLength: "characters, at least", maxLength: "characters, at most", minItems: "entries, at least",
  maxItems: "entries, at most", pattern: "matches", default: "when not given:",
};

function rule(schema) {
  const all = [schema, ...(schema.anyOf || [])];
  const bounds = Object.entries(BOUNDS).flatMap(([key, words]) => all.filter((part) => key in part && part[key] !== null)
    .map((part) => `${words} ${typeof part[key] === "object" ? JSON.stringify(part[key]) : part[key]}`));
  return [schema.description, bounds.join("; ")].filter(Boolean).join(" — ");
}

// An example of a shape: its own, or made of its fields'; optional fields without one are left out.
function example(schema, whole, seen = []) {
  if (seen.includes(schema.$ref)) return null;
  const inside = schema.$ref ? [...seen, schema.$ref] : seen;
  const meant = followed(schema, whole);
  if (meant.examples) return meant.examples[0];
  for (const key of ["example", "const", "default"]) if (meant[key] !== undefined) return meant[key];
  if (meant.enum) return meant.enum[0];
  const parts = meant.anyOf || meant.oneOf;
  if (parts) return example(parts[0], whole, inside);
  if (meant.type === "array") return meant.items ? [example(meant.items, whole, inside)] : [];
  if (meant.type === "object") {
    return Object.fromEntries(Object.entries(meant.properties || {}).map(([name, field]) => [name, example(field, whole, inside)]));
  }
  if (meant.format === "date-time") return "2026-01-31T12:00:00Z";
  return { integer: meant.minimum || 1, number: 1.5, boolean: true, string: "…", null: null }[meant.type];
}

function table(rows) {
  return element("table", null, ...rows.map((cells) => element("tr", null, ...cells.map((cell) =>
    typeof cell === "string" ? element("td", cell) : element("td", null, cell)))));
}

function fields(schema, whole) {
  const required = new Set(schema.required || []);
  return table(Object.entries(schema.properties || {}).map(([name, field]) => {
    const meant = followed(field, whole);
    return [element("code", required.has(name) ? name : `${name}?`), shape(field, whole), rule({ ...meant, ...field })];
  }));
}

// The fields of a body, then of every shape that it contains, each once.
function shapes(schema, whole, seen = new Set()) {
  const name = schema.$ref && schema.$ref.split("/").pop();
  if (name && seen.has(name)) return [];
  if (name) seen.add(name);
  const meant = followed(schema, whole);
  const parts = [...(meant.anyOf || meant.oneOf || []), ...(meant.items ? [meant.items] : []), ...Object.values(meant.properties || {})];
  const own = meant.properties && name
    ? [element("h5", name), element("p", meant.description || ""), fields(meant, whole)] : [];
  return [...own, ...parts.flatMap((part) => shapes(part, whole, seen))];
}

function bodyOf(content, whole) {
  return Object.entries(content || {}).flatMap(([type, { schema }]) => [
    ...(type === JSON_TYPE ? [] : [element("p", `As ${type}:`)]),
    ...(schema ? shapes(schema, whole) : []),
    ...(schema && type === JSON_TYPE ? [element("pre", JSON.stringify(example(schema, whole), null, 2))] : []),
  ]);
}

function errorsOf(answer) {
  const examples = ((answer.content || {})[JSON_TYPE] || {}).examples || {};
  return table(Object.entries(examples).map(([code, { value }]) => [element("code", code), value.error]));
}

function answers(operation, whole) {
  return Object.entries(operation.responses).sort().flatMap(([status, reference]) => {
    const answer = followed(reference, whole);
    const headers = Object.entries(answer.headers || {}).map(([name, header]) =>
      [element("code", name), followed(header, whole).description || ""]);
    const inside = status < "400" ? bodyOf(answer.content, whole) : [errorsOf(answer)];
    const summary = element("summary", null, element("b", status), ` ${answer.description}`);
    return element("details", null, summary, element("div", null, ...inside, ...(headers.length ? [table(headers)] : [])));
  });
}

function credentials(operation, whole) {
  const ways = (operation.security || whole.security).map((way) => Object.keys(way).join(" and "));
  return ways.length ? `Shown: ${ways.join(", or ")}.` : "Needs no credentials.";
}

function elsewhere({ path, name, operation }, shorter, whole) {
  const more = Object.entries(operation.responses).filter(([status]) => !(status in shorter.responses))
    .map(([status, answer]) => `${status} ${Object.keys(followed(answer, whole).content[JSON_TYPE].examples).join(", ")}`);
  return element("p", "Also at ", element("code", path), ", for sessions, too; name: ", element("code", name),
    more.length ? `; answers there also ${more.join(", ")}.` : ".");
}

function section(path, method, operation, whole, longer) {
  const summary = element("summary", null, element("span", method.toUpperCase()), element("code", path), ` ${operation.summary}`);
  summary.firstChild.className = "method";
  const about = element("p", `${credentials(operation, whole)} Name: `, element("code", operation.operationId));
  const body = element("div", null, element("p", operation.description || operation.summary), about);
  if (longer) body.append(elsewhere(longer, operation, whole));
  if (operation.parameters) {
    body.append(element("h4", "Parameters"), table(operation.parameters.map((parameter) => [
      element("code", parameter.required ? parameter.name : `${parameter.name}?`), parameter.in, shape(parameter.schema, whole),
      rule({ ...parameter.schema, description: parameter.description || parameter.schema.description })])));
  }
  if (operation.requestBody) body.append(element("h4", "Body"), ...bodyOf(operation.requestBody.content, whole));
  body.append(element("h4", "Answers"), ...answers(operation, whole));
  const made = element("details", null, summary, body);
  made.id = operation.operationId;
  return made;
}

// Every operation once; one that has two addresses stands at the shorter.
function operations(whole) {
  const all = Object.entries(whole.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation, name: operation.operationId })));
  const longer = new Map(all.filter(({ name }) => name.endsWith(LONG_NAME)).map((one) => [one.name.slice(0, -LONG_NAME.length), one]));
  const shorter = new Set(all.map(({ name }) => name));
  return all.filter(({ name }) => !(name.endsWith(LONG_NAME) && shorter.has(name.slice(0, -LONG_NAME.length))))
    .map((one) => ({ ...one, longer: longer.get(one.name) }));
}

function search(sections) {
  const box = element("input", null);
  Object.assign(box, { type: "search", placeholder: "Find an operation" });
  box.setAttribute("aria-label", "Find an operation");
  box.addEventListener("input", () => {
    const words = box.value.toLowerCase().split(/\s+/);
    for (const one of sections) {
      const text = one.firstChild.textContent.toLowerCase() + one.id.toLowerCase();
      one.hidden = !words.every((word) => text.includes(word));
    }
    for (const group of new Set(sections.map((one) => one.parentElement))) {
      group.hidden = sections.every((one) => one.hidden || one.parentElement !== group);
    }
  });
  return box;
}

function open() {
  const named = document.getElementById(location.hash.slice(1));
  if (named instanceof HTMLDetailsElement) named.open = true;
  if (named) named.scrollIntoView();
}

async function show() {
  const whole = await (await fetch("/openapi.json")).json();
  document.getElementById("about").textContent = `${whole.info.description} (version ${whole.info.version})`;
  const ways = Object.entries(whole.components.securitySchemes).map(([name, way]) => [element("code", name), way.description]);
  const groups = new Map(whole.tags.map(({ name, description }) => {
    const heading = element("h2", null, link(name, `#${name}`));
    heading.id = name;
    return [name, element("section", null, heading, element("p", description))];
  }));
  const sections = operations(whole).map(({ path, method, operation, longer }) => {
    const made = section(path, method, operation, whole, longer);
    groups.get(operation.tags[0]).append(made);
    return made;
  });
  const contents = element("nav", null, ...[...groups.keys()].map((name) => link(name, `#${name}`)));
  document.getElementById("operations").append(table(ways), search(sections), contents, ...groups.values());
  addEventListener("hashchange", open);
  open();
}

show().catch((error) => { document.getElementById("about").textContent = `The document could not be read: ${error}`; });
