// Lists the operations of /openapi.json. Loads nothing else, and writes text only, never markup.
"use strict";

function element(name, text, ...children) {
  const made = document.createElement(name);
  if (text !== null) made.textContent = text;
  made.append(...children);
  return made;
}

// Replaces references by what they name, and stops at a shape that contains itself.
function resolved(schema, whole, seen = []) {
  if (Array.isArray(schema)) return schema.map((part) => resolved(part, whole, seen));
  if (schema === null || typeof schema !== "object") return schema;
  if (schema.$ref) {
    const name = schema.$ref.split("/").pop();
    return seen.includes(name) ? name : resolved(whole.components.schemas[name], whole, [...seen, name]);
  }
  return Object.fromEntries(Object.entries(schema).map(([key, part]) => [key, resolved(part, whole, seen)]));
}

function shape(schema) {
  if (schema.anyOf) return schema.anyOf.map(shape).join(" | ");
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(" | ");
  if (schema.type === "array") return `[${shape(schema.items)}]`;
  return schema.format ? `${schema.type} (${schema.format})` : schema.type || "any";
}

function fields(schema) {
  const required = new Set(schema.required || []);
  const rows = Object.entries(schema.properties || {}).map(([name, field]) =>
    element("tr", null, element("td", null, element("code", required.has(name) ? name : `${name}?`)),
      element("td", shape(field)), element("td", field.description || "")));
  return element("table", null, ...rows);
}

function section(path, method, operation, whole) {
  const summary = element("summary", null, element("span", method.toUpperCase()), element("code", path));
  summary.firstChild.className = "method";
  const body = element("div", null, element("p", operation.description || operation.summary || ""));
  const sent = operation.requestBody && operation.requestBody.content["application/json"];
  if (sent) body.append(element("h4", "Body"), fields(resolved(sent.schema, whole)));
  if (operation.parameters) {
    body.append(element("h4", "Parameters"), element("table", null, ...operation.parameters.map((parameter) =>
      element("tr", null, element("td", null, element("code", parameter.name)), element("td", parameter.in),
        element("td", shape(parameter.schema))))));
  }
  body.append(element("h4", "Answers"), element("table", null, ...Object.entries(operation.responses).map(
    ([status, answer]) => element("tr", null, element("td", status), element("td", answer.description)))));
  return element("details", null, summary, body);
}

async function show() {
  const whole = await (await fetch("/openapi.json")).json();
  document.getElementById("about").textContent = `${whole.info.description} (version ${whole.info.version})`;
  const groups = new Map();
  for (const [path, operations] of Object.entries(whole.paths)) {
    for (const [method, operation] of Object.entries(operations)) {
      const tag = (operation.tags || ["other"])[0];
      if (!groups.has(tag)) groups.set(tag, element("section", null, element("h2", tag)));
      groups.get(tag).append(section(path, method, operation, whole));
    }
  }
  document.getElementById("operations").append(...groups.values());
}

show().catch((error) => { document.getElementById("about").textContent = `The document could not be read: ${error}`; });
