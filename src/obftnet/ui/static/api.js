// Requests to the server. An answer that refuses becomes a Refusal with the server's own line.

export class Refusal extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

async function answer(response) {
  const said = response.headers.get("content-type") ?? "";
  const content = said.includes("json") ? await response.json() : null;
  if (!response.ok) throw new Refusal(content?.error ?? `${response.status}`, response.status);
  return content;
}

export async function ask(path, parameters = {}) {
  return answer(await fetch(address(path, parameters)));
}

export async function send(method, path, body, parameters = {}) {
  const options = { method };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { "Content-Type": "application/json" };
  }
  return answer(await fetch(address(path, parameters), options));
}

export async function upload(path, file, parameters = {}) {
  const headers = { "Content-Type": "application/octet-stream" };
  return answer(await fetch(address(path, parameters), { method: "POST", body: file, headers }));
}

export function address(path, parameters = {}) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== undefined && value !== null) query.set(name, value);
  }
  const text = query.toString();
  return `/api/${path}${text ? `?${text}` : ""}`;
}

export const named = (name, rest) => `images/${encodeURIComponent(name)}/${rest}`;
