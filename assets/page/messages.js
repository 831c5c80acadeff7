// The conversation as elements of the page.

export function button(label, act) {
  const element = document.createElement("button");
  element.type = "button";
  element.textContent = label;
  element.addEventListener("click", act);
  return element;
}

export function picture(url, alt) {
  const image = document.createElement("img");
  image.src = url;
  image.alt = alt;
  return image;
}

/**
 * Draws one message.
 *
 * @param acts `edit`, `retry`, `show`: what its buttons do
 */
export function drawMessage(message, acts) {
  const article = document.createElement("article");
  article.className = message.role;
  article.setAttribute("aria-label", message.role === "user" ? "You" : "Model");
  if (message.pictures?.length) article.append(drawPictures(message.pictures, acts.show));
  const text = document.createElement("p");
  text.textContent = message.text;
  article.append(text);
  if (message.fault) {
    const fault = document.createElement("p");
    fault.className = "fault";
    fault.textContent = message.fault;
    article.append(fault);
  }
  const actions = document.createElement("div");
  actions.className = "actions";
  const copy = button("Copy", async () => {
    await navigator.clipboard?.writeText(message.text);
    copy.textContent = navigator.clipboard ? "Copied" : "Select the text to copy";
  });
  actions.append(copy);
  if (message.role === "user") actions.append(button("Edit", acts.edit));
  else actions.append(button("Retry", acts.retry));
  article.append(actions);
  return { article, text };
}

function drawPictures(urls, show) {
  const list = document.createElement("div");
  list.className = "pictures";
  for (const [index, url] of urls.entries()) {
    const image = picture(url, `Picture ${index + 1}: see what the model was shown`);
    const opener = button("", () => show(image));
    opener.append(image);
    list.append(opener);
  }
  return list;
}
