"""Compressed messages (permessage-deflate, RFC 7692), as a client sends and reads them.

`websockets` negotiates, and inflates what comes.  What is sent is compressed here: a compressor that lives as
long as its connection takes 256 kB.  All that it remembers of earlier messages is the last 32 kB that it was
given; one made anew with these for each message gives the same bytes.

40 turns of an agent that reads source code: 10 kB each with 1 kB of tools, 29 kB with 20 kB of tools, and
40 kB with 30 kB of tools, which are then too far back to be remembered (CPython 3.11):

                             % of the bytes     µs a turn
    level 1                    26   13   34     100 to 310
    level 3                    23   10   31     130 to 510
    level 6                    21    9   29    240 to 1310
    level 9                    21    9   29    380 to 1820
    level 6, no memory         35   32   31     160 to 950
    level 6, 8 kB of memory    33   31   31     210 to 760
"""

import zlib
from collections.abc import Sequence

from websockets.exceptions import NegotiationError
from websockets.extensions import Extension
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory, PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.typing import ExtensionParameter

LEVEL = 6
END_OF_FLUSH = b"\x00\x00\xff\xff"  # which the other end adds
TOO_SMALL_WINDOW = ("client_max_window_bits", "8")  # zlib has none of 256 bytes


class Deflate(PerMessageDeflate):
    """Compresses messages with the agreed parameters, and remembers the last sent bytes.

    :param agreed: the extension as the library would run it.
    """

    def __init__(self, agreed: PerMessageDeflate) -> None:
        super().__init__(
            agreed.remote_no_context_takeover,
            True,
            agreed.remote_max_window_bits,
            agreed.local_max_window_bits,
        )
        self._memory = 0 if agreed.local_no_context_takeover else 1 << agreed.local_max_window_bits
        self._sent = b""

    def encode(self, frame: Frame) -> Frame:
        """Return a whole message compressed, and any other frame as it is."""
        if frame.opcode is not Opcode.TEXT:
            return frame
        compressor = zlib.compressobj(LEVEL, wbits=-self.local_max_window_bits, zdict=self._sent)
        data = compressor.compress(frame.data) + compressor.flush(zlib.Z_SYNC_FLUSH)
        if self._memory:
            self._sent = (self._sent + bytes(frame.data))[-self._memory :]
        return Frame(frame.opcode, data.removesuffix(END_OF_FLUSH), rsv1=True)


class DeflateOffer(ClientPerMessageDeflateFactory):
    """Offers the extension for a client: any window, with or without memory."""

    def process_response_params(
        self, params: Sequence[ExtensionParameter], accepted_extensions: Sequence[Extension]
    ) -> Deflate:
        """Return what the server has chosen.

        :raises NegotiationError: that was not on offer.
        """
        if TOO_SMALL_WINDOW in params:
            raise NegotiationError("unsupported client_max_window_bits")
        return Deflate(super().process_response_params(params, accepted_extensions))
