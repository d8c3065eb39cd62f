// SQL and JSON in colours; text in, nodes out, never HTML.
const words =
  "select|from|where|and|or|not|in|is|null|as|on|join|left|right|full|inner|outer|cross|lateral|group|order|by|having|limit|offset|union|all|distinct|case|when|then|else|end|with|recursive|insert|into|values|update|set|delete|create|alter|drop|table|index|view|type|enum|explain|analyze|asc|desc|nulls|first|last|between|like|ilike|exists|any|filter|over|partition|window|using|returning|default|primary|key|foreign|references|unique|check|constraint|grant|to|role|policy|for|true|false|begin|commit|rollback|show|if|add|column|not|valid|validate|concurrently|trigger|function|language|returns";
const sqlParts = new RegExp(
  `(--[^\\n]*|/\\*[\\s\\S]*?\\*/)|('(?:[^']|'')*'?|"""[\\s\\S]*?"""|\\$\\$[\\s\\S]*?\\$\\$)|\\b(\\d+(?:\\.\\d+)?)\\b|\\b(${words})\\b`,
  "gi",
);
const jsonParts = /("(?:[^"\\]|\\.)*")(\s*:)?|\b(-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)\b/g;

function coloured(text, pattern, classOf) {
  const nodes = [];
  let end = 0;
  for (const match of text.matchAll(pattern)) {
    const [part, name] = classOf(match);
    if (match.index > end) nodes.push(text.slice(end, match.index));
    const span = document.createElement("span");
    span.className = name;
    span.textContent = part;
    nodes.push(span);
    end = match.index + part.length;
  }
  nodes.push(text.slice(end));
  return nodes;
}

const pythonWords = "from|import|def|return|for|in|if|else|not|and|or|is|with|as|class|None|True|False|lambda|raise|try|except";
const pythonParts = new RegExp(`(#[^\\n]*)|("""[\\s\\S]*?"""|"(?:[^"\\\\\\n]|\\\\.)*"|'(?:[^'\\\\\\n]|\\\\.)*')|\\b(\\d+(?:\\.\\d+)?)\\b|\\b(${pythonWords})\\b`, "g");
const planParts = /(\((?:cost|never)[^)]*\))|(\(actual [^)]*\)|(?:Planning|Execution) Time: .*)|(->)/g;
const named = (match) => [match[0], match[1] ? "c-note" : match[2] ? "c-text" : match[3] ? "c-number" : "c-word"];

export const sql = (text) => coloured(text, sqlParts, named);
export const python = (text) => coloured(text, pythonParts, named);
export const plan = (text) => coloured(text, planParts, (match) => [match[0], match[1] ? "c-note" : match[2] ? "c-number" : "c-word"]);

export const json = (text) =>
  coloured(text, jsonParts, (match) => (match[1] ? [match[1], match[2] ? "j-name" : "j-text"] : [match[0], "j-number"]));
