// morph changes an element into a newer one of the same kind, and touches only what
// differs: the focus, the selection, and what is open stay.
export function morph(old, next) {
  attributes(old, next);
  children(old, next);
}

function attributes(old, next) {
  for (const { name } of [...old.attributes]) {
    if (!next.hasAttribute(name) && !kept(old, name)) old.removeAttribute(name);
  }
  for (const { name, value } of [...next.attributes]) {
    if (old.getAttribute(name) !== value && !kept(old, name)) old.setAttribute(name, value);
  }
}

// kept are attributes that belong to the reader.
function kept(element, name) {
  return name === "open" && element.tagName === "DETAILS";
}

const keyOf = node => (node.nodeType === Node.ELEMENT_NODE ? node.getAttribute("data-key") : null);

function same(a, b) {
  return a.nodeType === b.nodeType && a.nodeName === b.nodeName && keyOf(a) === keyOf(b);
}

function children(old, next) {
  const keyed = new Map();
  for (const child of old.children) {
    const key = keyOf(child);
    if (key !== null) keyed.set(key, child);
  }
  let here = old.firstChild;
  for (const wanted of [...next.childNodes]) {
    const key = keyOf(wanted);
    let found = null;
    if (key !== null) {
      found = keyed.get(key) ?? null;
      keyed.delete(key);
    } else if (here && same(here, wanted)) {
      found = here;
    }
    if (!found || found.nodeName !== wanted.nodeName) {
      old.insertBefore(document.importNode(wanted, true), here);
      continue;
    }
    if (found === here) here = here.nextSibling;
    else old.insertBefore(found, here);
    if (found.nodeType === Node.ELEMENT_NODE) morph(found, wanted);
    else if (found.nodeValue !== wanted.nodeValue) found.nodeValue = wanted.nodeValue;
  }
  while (here) {
    const after = here.nextSibling;
    here.remove();
    here = after;
  }
}
