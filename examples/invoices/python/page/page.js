// The token stays in this variable, so another page or a reload does not have it.
let token = null;
let after = 0;

const byId = (id) => document.getElementById(id);
const service = document.body.dataset.serviceUrl;

async function call(method, url, body) {
  const headers = { "content-type": "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  const response = await fetch(url, { method, headers, body: body && JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.detail);
  return answer;
}

function row(cells, button) {
  const tr = document.createElement("tr");
  for (const text of cells) tr.insertCell().textContent = text;
  const last = tr.insertCell();
  if (button) last.append(button);
  return tr;
}

const amount = (cents) => (cents / 100).toFixed(2);

function showPosted(invoices) {
  for (const one of invoices) byId("posted").append(row([one.number, one.customer, amount(one.amount_cents)]));
}

function showDraft(invoice) {
  const button = document.createElement("button");
  button.textContent = "Post";
  const tr = row([invoice.customer, amount(invoice.amount_cents)], button);
  button.onclick = () => attempt(async () => {
    await call("POST", `invoices/${invoice.id}/post`, {});
    tr.remove();
    await listPosted(0);
  });
  byId("drafts").append(tr);
}

async function listPosted(from) {
  const page = await call("GET", `invoices?after=${from}`);
  if (from === 0) byId("posted").replaceChildren();
  showPosted(page.invoices);
  after = page.next_after;
  byId("more").hidden = after === null;
}

/** Runs the action, and shows the reason if it fails. */
async function attempt(action) {
  byId("message").textContent = "";
  try {
    await action();
  } catch (error) {
    byId("message").textContent = error.message;
  }
}

byId("sign-in").onsubmit = (event) => {
  event.preventDefault();
  const form = event.target;
  attempt(async () => {
    const credentials = { email: form.email.value, password: form.password.value };
    token = (await call("POST", `${service}/admin/login`, credentials)).access_token;
    form.reset();
    form.hidden = true;
    document.querySelector("main").hidden = false;
    (await call("GET", "drafts")).invoices.forEach(showDraft);
    await listPosted(0);
  });
};

byId("add").onsubmit = (event) => {
  event.preventDefault();
  const form = event.target;
  attempt(async () => {
    const [whole, fraction = "00"] = form.amount.value.split(".");
    const invoice = { customer: form.customer.value, amount_cents: Number(whole + fraction) };
    showDraft(await call("POST", "invoices", invoice));
    form.reset();
  });
};

byId("more").onclick = () => attempt(() => listPosted(after));
