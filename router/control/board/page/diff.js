// What two answers have in common, word by word: the longest common subsequence, for texts of a bounded length.

const MOST = 1500;

const words = (text) => text.match(/\s+|[\p{L}\p{N}]+|[^\s\p{L}\p{N}]/gu) ?? [];

// Two lists of [text, differs], which joined are the two texts. Too long to compare: nothing is marked.
export function compared(a, b) {
  const left = words(a);
  const right = words(b);
  if (left.length > MOST || right.length > MOST) return { left: [[a, false]], right: [[b, false]], compared: false };
  const width = right.length + 1;
  const length = new Uint16Array((left.length + 1) * width);
  for (let i = left.length - 1; i >= 0; i--)
    for (let j = right.length - 1; j >= 0; j--)
      length[i * width + j] =
        left[i] === right[j]
          ? length[(i + 1) * width + j + 1] + 1
          : Math.max(length[(i + 1) * width + j], length[i * width + j + 1]);
  const marks = { left: left.map(() => true), right: right.map(() => true) };
  for (let i = 0, j = 0; i < left.length && j < right.length; )
    if (left[i] === right[j]) marks.left[i++] = marks.right[j++] = false;
    else if (length[(i + 1) * width + j] >= length[i * width + j + 1]) i++;
    else j++;
  return { left: runs(left, marks.left), right: runs(right, marks.right), compared: true };
}

// Neighbours that are alike become one piece; a space between two that differ differs too.
function runs(parts, marks) {
  const found = [];
  parts.forEach((part, i) => {
    const bridge = !part.trim() && !marks[i] && marks[i - 1] && marks[i + 1];
    const mark = marks[i] || Boolean(bridge);
    if (found.length && found[found.length - 1][1] === mark) found[found.length - 1][0] += part;
    else found.push([part, mark]);
  });
  return found;
}
