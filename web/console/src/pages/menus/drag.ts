// Dragging a button of the menu by mouse, pen or finger.

import { onScopeDispose, ref, type Ref } from 'vue';
import { at, canMove, placeOf, type DraftButton, type Place } from '../../logic/menu';

/** A press that moves less is a click. */
const STARTS_AT_PX = 6;
/** The middle of a button on the bar takes what is dropped to the buttons above it. */
const MIDDLE = 0.26;

export function useDrag(root: Ref<HTMLElement | null>, buttons: () => DraftButton[], drop: (from: Place, to: Place) => void) {
  const dragged = ref<{ id: number; name: string; x: number; y: number } | null>(null);
  const target = ref<Place | null>(null);
  /** The button whose list is open because something is held over it. */
  const openTop = ref<number | null>(null);
  let end: () => void = () => undefined;

  function targetAt(from: Place, x: number, y: number): Place | null {
    const hit = document.elementFromPoint(x, y)?.closest<HTMLElement>('[data-place]');
    if (!hit || !root.value?.contains(hit)) return null;
    const [top = 0, sub] = (hit.dataset.place ?? '').split(' ').map(Number);
    const box = hit.getBoundingClientRect();
    const above = buttons()[top]?.sub.length ?? 0;
    if (sub !== undefined) return { top, sub: Math.min(above, y < box.top + box.height / 2 ? sub : sub + 1) };
    const into = { top, sub: above };
    const share = (x - box.left) / box.width;
    if (Math.abs(share - 0.5) < MIDDLE && canMove(buttons(), from, into)) return into;
    return { top: Math.min(buttons().length, share < 0.5 ? top : top + 1), sub: null };
  }

  function press(event: PointerEvent, id: number): void {
    const pressed = placeOf(buttons(), id);
    if (event.button !== 0 || !pressed) return;
    const from: Place = pressed;
    const { clientX, clientY, pointerId } = event;
    const held = at(buttons(), from);
    end();
    const onMove = (moved: PointerEvent) => {
      if (moved.pointerId !== pointerId || !held) return;
      const { clientX: x, clientY: y } = moved;
      if (!dragged.value && Math.hypot(x - clientX, y - clientY) < STARTS_AT_PX) return;
      // The list that the button comes from may close under the finger.
      if (!dragged.value) root.value?.setPointerCapture(pointerId);
      dragged.value = { id, name: held.name, x, y };
      const found = targetAt(from, x, y);
      target.value = found && canMove(buttons(), from, found) ? found : null;
      if (target.value?.sub !== undefined && target.value.sub !== null) openTop.value = target.value.top;
    };
    const onUp = (up: PointerEvent) => {
      if (up.pointerId !== pointerId) return;
      const to = target.value;
      end();
      if (to && up.type === 'pointerup') drop(from, to);
    };
    const onKey = (key: KeyboardEvent) => key.key === 'Escape' && end();
    end = () => {
      window.removeEventListener('pointermove', onMove);
      window.removeEventListener('pointerup', onUp);
      window.removeEventListener('pointercancel', onUp);
      window.removeEventListener('keydown', onKey);
      dragged.value = null;
      target.value = null;
      openTop.value = null;
      end = () => undefined;
    };
    window.addEventListener('pointermove', onMove);
    window.addEventListener('pointerup', onUp);
    window.addEventListener('pointercancel', onUp);
    window.addEventListener('keydown', onKey);
  }
  onScopeDispose(() => end());

  return { dragged, target, openTop, press };
}
