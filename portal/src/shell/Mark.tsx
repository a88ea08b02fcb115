/** The mark: the spandrels of two arches. It says nothing that is not beside it in words. */
export function Mark() {
  return (
    <svg className="sp-mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <path className="sp-mark__first" d="M2 28V4h28v6A18 18 0 0 0 12 28z" />
      <path className="sp-mark__second" d="M16 28a14 14 0 0 1 14-14v14z" />
    </svg>
  );
}
