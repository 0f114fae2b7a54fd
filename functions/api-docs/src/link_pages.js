// Sends the form with the token of the address to the form's route, and shows what came of it.
"use strict";

const form = document.querySelector("form");
const result = document.querySelector("output");
const token = new URLSearchParams(location.hash.slice(1)).get("token");

function show(text, isError) {
  result.textContent = text;
  result.className = isError ? "error" : "done";
}

async function send(event) {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const body = JSON.stringify({ token, ...Object.fromEntries(new FormData(form)) });
    const headers = { "content-type": "application/json" };
    const response = await fetch(form.dataset.route, { method: "POST", headers, body });
    if (response.ok) {
      form.hidden = true;
      history.replaceState(null, "", location.pathname);
      show(form.dataset.done, false);
      return;
    }
    const problem = await response.json();
    const errors = (problem.errors || []).map((error) => `The password ${error.message}.`);
    show(errors.length ? errors.join(" ") : problem.detail, true);
  } catch {
    show("The service cannot be reached. Try again in a few seconds.", true);
  }
  button.disabled = false;
}

if (token) {
  form.addEventListener("submit", send);
} else {
  form.hidden = true;
  show("The link is incomplete. Open the whole link of the mail, or request a new one.", true);
}
