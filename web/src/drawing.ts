/** The drawing area: strokes of pen, mouse or finger, or a picture that was put there, never both. */
import { find } from './find.ts';
import type { Ink } from './normalise-digit.ts';
import { type Picture, canvasOf } from './picture.ts';

export interface Pad {
  readonly clear: () => void;
  /** Shows a picture, which the next stroke takes away; not over a drawing that is not yet at its end. */
  readonly show: (picture: Picture) => void;
}

/** Width of the pen, as a share of the side: what a digit's strokes are, drawn at about two thirds of the height. */
const PEN = 0.075;
/** A digit of several strokes is scored once the pen has rested for so long. */
const REST_MS = 150;

/** @param onDrawn called with the ink once a stroke has ended. */
export function createPad(onDrawn: (ink: Ink) => void): Pad {
  const canvas = find('#pad', HTMLCanvasElement);
  const context = canvas.getContext('2d', { willReadFrequently: true }) as CanvasRenderingContext2D;
  let drawing: number | undefined; // the pointer that draws
  let last = { x: 0, y: 0 };
  let isPicture = false;
  let resting: ReturnType<typeof setTimeout> | undefined;

  const stopResting = (): void => {
    clearTimeout(resting);
    resting = undefined;
  };
  const clear = (): void => {
    stopResting();
    context.clearRect(0, 0, canvas.width, canvas.height);
    isPicture = false;
  };
  const position = ({ clientX, clientY }: PointerEvent): { x: number; y: number } => {
    const { left, top, width, height } = canvas.getBoundingClientRect();
    return {
      x: ((clientX - left) / width) * canvas.width,
      y: ((clientY - top) / height) * canvas.height,
    };
  };
  const lineTo = (event: PointerEvent): void => {
    const to = position(event);
    context.lineWidth = PEN * canvas.width;
    context.lineCap = 'round';
    context.lineJoin = 'round';
    context.strokeStyle = 'white';
    context.beginPath();
    context.moveTo(last.x, last.y);
    context.lineTo(to.x, to.y);
    context.stroke();
    last = to;
  };

  canvas.addEventListener('pointerdown', (event) => {
    if (drawing !== undefined || event.button !== 0) return;
    if (isPicture) clear();
    stopResting();
    drawing = event.pointerId;
    canvas.setPointerCapture(event.pointerId);
    last = position(event);
    lineTo(event);
  });
  canvas.addEventListener('pointermove', (event) => {
    if (event.pointerId !== drawing) return;
    const events = event.getCoalescedEvents();
    for (const part of events.length > 0 ? events : [event]) lineTo(part);
  });
  const end = (event: PointerEvent): void => {
    if (event.pointerId !== drawing) return;
    drawing = undefined;
    resting = setTimeout(() => {
      resting = undefined;
      onDrawn(inkOf(context));
    }, REST_MS);
  };
  canvas.addEventListener('pointerup', end);
  canvas.addEventListener('pointercancel', end);

  return {
    clear,
    show: (picture) => {
      if (drawing !== undefined || resting !== undefined) return;
      clear();
      isPicture = true;
      context.imageSmoothingEnabled = false;
      const { width, height } = picture;
      const scale = Math.min(canvas.width / width, canvas.height / height);
      context.drawImage(
        canvasOf(picture),
        (canvas.width - scale * width) / 2,
        (canvas.height - scale * height) / 2,
        scale * width,
        scale * height,
      );
    },
  };
}

/** How much of each pixel is covered: strokes are drawn on nothing. */
function inkOf(context: CanvasRenderingContext2D): Ink {
  const { width, height, data } = context.getImageData(0, 0, context.canvas.width, context.canvas.height);
  const ink = new Uint8Array(width * height);
  for (let i = 0; i < ink.length; i++) ink[i] = data[4 * i + 3] as number;
  return { width, height, data: ink };
}
