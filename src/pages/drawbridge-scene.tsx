/**
 * The drawbridge, our mark and the picture at the head of a page. Where the bridge stands tells what the
 * page says in words as well: raised where nobody may pass yet, lowered for a person who is signed in.
 * Decoration only, so it is hidden from assistive technology. Colours and movement are the stylesheet's.
 */
export const DrawbridgeScene = ({ bridge }: { bridge: 'raised' | 'lowered' }) => (
  <svg class={`scene scene-${bridge}`} viewBox="0 0 320 128" aria-hidden="true" focusable="false">
    <circle class="sun" cx="246" cy="40" r="15" />
    <path class="hills" d="M150 100q34-30 66-14 40-34 104-16v32H150z" />
    <path class="water" d="M0 100h320v28H0z" />
    <path
      class="ripple"
      d="M112 113h26m10 0h44m-58 7h30m14 0h18m-214-4h40m6 5h22m190-6h46m-64 7h28"
    />
    <path class="bank" d="M0 100h112v6l-10 12H0zm210 0h110v18h-96l-14-12z" />
    <path
      class="castle"
      d="M28 100V46h-4V32h8v6h8v-6h8v6h8v-6h8v14h-4v10h20V32h-4V18h8v6h8v-6h8v6h8v-6h8v14h-4v68H92V82a10 10 0 0 0-20 0v18z"
    />
    <path
      class="window"
      d="M39 58h4v9h-4zm53-16h4v9h-4zM82 72a10 10 0 0 1 10 10v18H72V82a10 10 0 0 1 10-10z"
    />
    <path class="flag" d="M96 18V4l14 5-14 5" />
    <g class="chain">
      <path d="M112 50h106.5" />
    </g>
    <g class="deck">
      <path d="M112 100h104v5H112z" />
    </g>
  </svg>
)

/** The same bridge as a mark beside our name. */
export const DrawbridgeMark = () => (
  <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <path d="M4 25V6h3v3h3V6h3v3h3V6h3v9" />
    <path d="M16 25 28 14M16 7l12 7" />
    <path d="M3 29q3-3 6.5 0t6.5 0 6.5 0 6.5 0" />
  </svg>
)
