#!/usr/bin/env python3
"""Reads a log directory by docs/format.md alone, with the standard library alone.

    read_log.py DIRECTORY
    read_log.py --checkpoints DIRECTORY

Prints a line for every event: LSN, time, payload, meta and key (in hexadecimal behind an "x"; "-" where there is none). Or a
line for every intact checkpoint: name, position, time and state.
Exit codes: 0 read to the end, 1 durable data is damaged or the directory is no log. It is here to prove that the document
says enough; it changes nothing, holds a whole segment in memory and is slow. F-n names the statement of the document.
"""

import os
import struct
import subprocess
import sys
import tempfile

POLYNOMIAL = 0x82F63B78
TABLE = []
for byte in range(256):
    value = byte
    for _ in range(8):
        value = value >> 1 ^ (POLYNOMIAL if value & 1 else 0)
    TABLE.append(value)


def crc32c(*parts):
    value = 0xFFFFFFFF
    for part in parts:
        for byte in part:
            value = value >> 8 ^ TABLE[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


class Damage(Exception):
    pass


def load(kind, data, offset):
    return struct.unpack_from("<" + kind, data, offset)[0]


def intact(block, prefix=b""):
    """F-3: the checksum at 12 covers the block with that field taken as zero."""
    return load("I", block, 12) == crc32c(prefix, block[:12], bytes(4), block[16:])


def check_format(block, path):
    if load("H", block, 8) != 1:
        raise Damage(f"{path}: unknown format version")
    if load("Q", block, 32) != 0:
        raise Damage(f"{path}: unknown features that must be understood")


def read_superblock(directory):
    path = os.path.join(directory, "LOG")
    with open(path, "rb") as file:
        content = file.read()
    slots = []
    for start in (0, 4096):
        slot = content[start : start + 4096]
        if len(slot) == 4096 and slot[:8] == b"SWALLOG\x01" and intact(slot):
            check_format(slot, path)
            slots.append(slot)
    if not slots:
        raise Damage(f"{path}: no slot is intact")
    # F-7: two that contradict each other are as good as none.
    same_generation = len({load("Q", slot, 56) for slot in slots}) < len(slots)
    if len({slot[40:56] for slot in slots}) > 1 or same_generation and slots[0] != slots[1]:
        raise Damage(f"{path}: the two slots contradict each other")
    slot = max(slots, key=lambda slot: load("Q", slot, 56))
    return {
        "identity": slot[40:56],
        "first_lsn": load("Q", slot, 80),
        "first_sequence": load("Q", slot, 88),
        "active_base": load("Q", slot, 104),
        "watermark": load("Q", slot, 128),
        "cut_kind": load("I", slot, 156),
        "cut": load("Q", slot, 160),
        "epoch": load("I", slot, 72),
        "cut_epoch": load("I", slot, 188),
    }


def unpack(path):
    """F-16: the sealed segment that a compressed file holds, by the zstd program; F-18: with the dictionary in it."""
    with open(path, "rb") as file:
        head = file.read(8)
        dictionary = b""
        if head[:4] == b"\x5d\x2a\x4d\x18":
            dictionary = file.read(load("I", head, 4))
    with tempfile.NamedTemporaryFile() as file:
        file.write(dictionary)
        file.flush()
        options = ["-D", file.name] if dictionary else []
        result = subprocess.run(["zstd", "-q", "-d", "-c", *options, path], capture_output=True)
    if result.returncode != 0:
        raise Damage(f"{path}: {result.stderr.decode().strip()}")
    return result.stdout


class Segment:
    def __init__(self, path, base):
        self.path = path
        self.base = base
        if path.endswith(".zst"):
            self.data = unpack(path)
        else:
            with open(path, "rb") as file:
                self.data = file.read()
        block = self.data[:4096]
        if len(block) < 4096 or block[:8] != b"SWALSEG\x01" or not intact(block):
            raise Damage(f"{path}: the header block is damaged or missing")
        check_format(block, path)
        self.identity = block[40:56]
        self.sequence = load("Q", block, 56)
        self.first_lsn = load("Q", block, 64)
        self.incarnation = load("Q", block, 72)
        self.salt = block[80:88]
        size = load("Q", block, 96)
        self.watermark = load("Q", block, 104)
        self.epoch = load("I", block, 112)
        spacing = load("I", block, 116)
        self.checksum = load("I", block, 12)
        # F-9: frames leave room for the largest index and footer.
        self.limit = (size - 288 - (size // spacing + 2) * 32) & ~7
        self.before = {
            "sequence": load("Q", block, 128),
            "last_lsn": load("Q", block, 144),
            "end": load("Q", block, 152),
            "link": load("I", block, 172),
        }

    def frame_header(self, offset):
        """F-10: a frame header whose checksum holds at this offset, or None."""
        header = self.data[offset : offset + 64]
        if len(header) < 64 or load("H", header, 4) != 0xA95F:
            return None
        if load("I", header, 0) != crc32c(self.salt, struct.pack("<Q", offset), header[4:]):
            return None
        return header

    def claims(self, offset):
        """The highest LSN that anything intact behind a point claims to have been durable."""
        claimed = self.watermark
        for place in range(offset, len(self.data) - 63, 8):
            if self.data[place : place + 8] == b"SWALEND\x01":
                block = self.data[place : place + 256]
                if len(block) == 256 and intact(block, bytes(8) + struct.pack("<Q", place)):
                    claimed = max(claimed, load("Q", block, 24))
            header = self.frame_header(place)
            if header:
                claimed = max(claimed, load("Q", header, 24))
        return claimed


def records(body, count, first_lsn, frame_time):
    """F-15: the records of a frame body; that of a filler has none. F-43: all of them, or None where one is invalid."""
    try:
        return list(parsed(body, count, first_lsn, frame_time)) if count else []
    except (Damage, struct.error):
        return None


def parsed(body, count, first_lsn, frame_time):
    position = 0
    for lsn in range(first_lsn, first_lsn + count):
        head = load("I", body, position)
        flags, length = head & 0xFF, head >> 8
        position += 4
        if flags & ~7:
            raise Damage(f"LSN {lsn}: a record of an unknown kind")
        if length == 0xFFFFFF:
            length = load("I", body, position)
            position += 4
        meta_length = key_length = None
        time = frame_time
        if flags & 1:
            meta_length = load("I", body, position)
            position += 4
        if flags & 2:
            key_length = load("H", body, position)
            position += 2
        if flags & 4:
            time = load("q", body, position)
            position += 8
        parts = []
        for size in (length, meta_length, key_length):
            if size is None:
                parts.append(None)
                continue
            if position + size > len(body):
                raise Damage(f"LSN {lsn}: a record passes the end of its frame")
            parts.append(body[position : position + size])
            position += size
        yield lsn, time, parts
    if position != len(body):
        raise Damage("a frame has bytes behind its last record")


def frame_at(segment, offset, next_lsn, link, epoch, incarnation):
    """F-11: the frame at a point, if it is the one that must come next: (header, body), else None."""
    header = segment.frame_header(offset)
    if header is None:
        return None
    kind, codec, length, count = struct.unpack_from("<BBII", header, 6)
    padded = (length + 7) & ~7
    if kind not in (1, 2) or codec != 0 or load("I", header, 60) != 0:
        return None
    if offset + 64 + padded > min(segment.limit, len(segment.data)):
        return None
    if load("Q", header, 16) != next_lsn or (count == 0) != (kind == 2):
        return None
    if load("I", header, 52) != link or load("I", header, 48) < epoch:
        return None
    if load("I", header, 48) == epoch and load("Q", header, 40) != incarnation:
        return None
    if load("Q", header, 24) >= next_lsn:
        return None
    body = segment.data[offset + 64 : offset + 64 + padded]
    if kind == 1 and load("I", header, 56) != crc32c(segment.salt, struct.pack("<Q", offset), body):
        return None
    return header, body[:length]


def is_whole(path, base):
    """Whether a file is a sealed segment with every frame intact."""
    try:
        segment = Segment(path, base)
    except Damage:
        return False
    place = len(segment.data) - 256
    footer = segment.data[place:]
    if place < 4096 or footer[:8] != b"SWALEND\x01" or not intact(footer, bytes(8) + struct.pack("<Q", place)):
        return False
    # F-13
    if footer[208:216] != segment.salt or footer[216:232] != segment.identity or load("Q", footer, 232) != segment.sequence:
        return False
    offset, next_lsn, link = 4096, segment.first_lsn, segment.checksum
    epoch, incarnation = segment.epoch, segment.incarnation
    while offset < load("Q", footer, 104):
        found = frame_at(segment, offset, next_lsn, link, epoch, incarnation)
        if found is None:
            return False
        header, body = found
        next_lsn += load("I", header, 12)
        link, epoch, incarnation = load("I", header, 0), load("I", header, 48), load("Q", header, 40)
        offset += 64 + ((len(body) + 7) & ~7)
    return offset == load("Q", footer, 104) and link == load("I", footer, 132)


def chosen(directory, superblock, base, raw, compressed):
    """F-19: of two files of one segment the raw one if it is whole, else the compressed one if that is, else the raw one."""
    if compressed is None or (superblock["cut_kind"] and base >= superblock["active_base"]):
        return raw
    if is_whole(os.path.join(directory, raw), base) or not is_whole(os.path.join(directory, compressed), base):
        return raw
    return compressed


def continues(segment, following, offset, next_lsn, link):
    """F-14: whether the next segment says that this one ends exactly here."""
    before = following.before
    return (
        following.base == next_lsn
        and before["sequence"] == segment.sequence
        and before["last_lsn"] == next_lsn - 1
        and before["end"] == offset
        and before["link"] == link
    )


def read(directory):
    superblock = read_superblock(directory)
    names = {}
    for name in sorted(os.listdir(directory), reverse=True):
        # The raw file of a segment comes last here.
        if name[:20].isdigit() and name[20:] in (".seg", ".seg.zst"):
            base = int(name[:20])
            names[base] = chosen(directory, superblock, base, name, names.get(base))
    bases = sorted(names)
    low = [base for base in bases if base <= min(superblock["first_lsn"], superblock["active_base"])]
    if not low:
        raise Damage("the first segment is missing")
    bases = [base for base in bases if base >= low[-1]]
    index = 0
    segments = {}

    def segment_at(index):
        if index not in segments:
            path = os.path.join(directory, names[bases[index]])
            segment = Segment(path, bases[index])
            if segment.identity != superblock["identity"]:
                raise Damage(f"{path}: belongs to another log")
            if segment.first_lsn != segment.base or segment.sequence != superblock["first_sequence"] + index:
                raise Damage(f"{path}: is not the segment its name says")
            segments[index] = segment
        return segments[index]

    def at_start(segment):
        return 4096, segment.first_lsn, segment.checksum, segment.epoch, segment.incarnation

    segment = segment_at(0)
    offset, next_lsn, link, epoch, incarnation = at_start(segment)
    while True:
        if superblock["cut_kind"] and next_lsn > superblock["cut"]:
            return
        if index + 1 < len(bases):
            try:
                following = segment_at(index + 1)
            except Damage:
                following = None
            if following and continues(segment, following, offset, next_lsn, link):
                index += 1
                segment = following
                offset, next_lsn, link, epoch, incarnation = at_start(segment)
                continue
        found = frame_at(segment, offset, next_lsn, link, epoch, incarnation)
        if found is None:
            break
        header, body = found
        count = load("I", header, 12)
        events = records(body, count, next_lsn, load("q", header, 32))
        if events is None:
            break
        for lsn, time, parts in events:
            # F-21: the last frame may hold events behind a cut.
            if lsn >= superblock["first_lsn"] and (not superblock["cut_kind"] or lsn <= superblock["cut"]):
                yield lsn, time, parts
        next_lsn += count
        link = load("I", header, 0)
        epoch = load("I", header, 48)
        incarnation = load("Q", header, 40)
        offset += 64 + ((len(body) + 7) & ~7)
    # F-20: the log ends here; is that a torn tail, or is durable data damaged?
    claimed = max(superblock["watermark"], segment.claims(offset))
    if superblock["cut_kind"] == 1:
        claimed = max(claimed, superblock["cut"])
    for later in range(index + 1, len(bases)):
        try:
            claimed = max(claimed, segment_at(later).claims(4096))
        except Damage:
            pass
    for _, lsn, epoch, _, _, _ in checkpoints(directory):
        if superblock["cut_epoch"] <= epoch <= superblock["epoch"]:
            claimed = max(claimed, lsn)
    if claimed >= next_lsn:
        raise Damage(f"{segment.path} at offset {offset}: LSN {next_lsn} to {claimed} are damaged")


def checkpoints(directory):
    """The intact checkpoints (F-23): name, LSN, epoch, incarnation, time, and the state or None."""
    identity = read_superblock(directory)["identity"]
    folder = os.path.join(directory, "checkpoints")
    for file in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if not file.endswith(".ckpt"):
            continue
        with open(os.path.join(folder, file), "rb") as opened:
            data = opened.read()
        block = data[:4096]
        if len(block) < 4096 or block[:8] != b"SWALCKP\x01" or not intact(block):
            continue
        check_format(block, file)
        name = block[104:104 + load("I", block, 96)].decode()
        length = load("I", block, 88)
        state = data[4096:]
        if (block[40:56] != identity or name + ".ckpt" != file or len(state) != length
                or crc32c(state) != load("I", block, 92)):
            continue
        has_state = load("I", block, 76) & 1
        yield (name, load("Q", block, 56), load("I", block, 72), load("Q", block, 64), load("q", block, 80),
               state if has_state else None)


def main():
    if len(sys.argv) == 3 and sys.argv[1] == "--checkpoints":
        for name, lsn, epoch, incarnation, time, state in checkpoints(sys.argv[2]):
            print(name, f"{lsn}@{epoch}:{incarnation:016x}", time, "-" if state is None else "x" + state.hex())
        return 0
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 64
    try:
        for lsn, time, parts in read(sys.argv[1]):
            print(lsn, time, *("-" if part is None else "x" + part.hex() for part in parts))
    except (Damage, OSError, struct.error) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
