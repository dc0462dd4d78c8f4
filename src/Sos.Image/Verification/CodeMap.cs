using System;
using System.Collections.Generic;
using System.Linq;
using Iced.Intel;

namespace Sos.Image.Verification;

/// <summary>What came of decoding an instruction.</summary>
internal enum DecodeResult
{
    Decoded,

    /// <summary>It overlaps another that was decoded before.</summary>
    Overlap,

    /// <summary>Not all processors take these bytes for the same instruction.</summary>
    Disputed,
}

/// <summary>Every byte of an image's code: which instruction it belongs to, and where branches go.</summary>
internal sealed class CodeMap
{
    private const int InstructionLengthMax = 15; // SDM vol. 2, 2.3.11

    private readonly ServiceImage _image;
    private readonly Dictionary<ulong, Instruction> _instructions = [];
    private readonly Dictionary<ulong, ulong> _previous = [];
    private readonly SortedSet<ulong> _branchTargets = [];
    private readonly List<(ImageSegment Segment, bool[] IsOwned)> _coverage = [];

    public CodeMap(ServiceImage image)
    {
        _image = image;
        foreach (ImageSegment s in image.Segments.Where(s => s.Protection.HasFlag(SegmentProtection.Execute)))
        {
            _coverage.Add((s, new bool[s.Data.Length]));
        }
    }

    public bool IsCode(ulong rva) =>
        _coverage.Exists(c => c.Segment.Contains(rva) && rva - c.Segment.Rva < (ulong)c.Segment.Data.Length);

    public void AddBranchTarget(ulong rva) => _branchTargets.Add(rva);

    /// <summary>Whether a branch goes to an address in (after, last].</summary>
    public bool HasBranchTargetIn(ulong after, ulong last) =>
        after < last && _branchTargets.GetViewBetween(after + 1, last).Count > 0;

    /// <summary>The instruction that runs into this one without a branch, or false.</summary>
    public bool TryGetPrevious(ulong rva, out Instruction previous)
    {
        previous = default;
        return _previous.TryGetValue(rva, out ulong at) && _instructions.TryGetValue(at, out previous);
    }

    /// <summary>Records that one instruction runs into the next.</summary>
    public void AddFallThrough(ulong from, ulong to) => _previous.TryAdd(to, from);

    /// <summary>All instructions that were decoded, in ascending order of address.</summary>
    public IEnumerable<Instruction> Instructions => _instructions.Values.OrderBy(i => i.IP);

    /// <summary>Decodes the instruction at an address of code.</summary>
    public DecodeResult Decode(ulong rva, out Instruction instruction)
    {
        if (_instructions.TryGetValue(rva, out instruction))
        {
            return DecodeResult.Decoded;
        }

        ReadOnlySpan<byte> bytes = _image.BytesAt(rva);
        byte[] window = bytes[..Math.Min(InstructionLengthMax, bytes.Length)].ToArray();
        instruction = Decoder.Create(64, new ByteArrayCodeReader(window), rva, DecoderOptions.None).Decode();
        Instruction other = Decoder.Create(64, new ByteArrayCodeReader(window), rva, DecoderOptions.AMD).Decode();
        _instructions.Add(rva, instruction);
        (ImageSegment segment, bool[] isOwned) = _coverage.Find(c => c.Segment.Contains(rva));
        Span<bool> own = isOwned.AsSpan((int)(rva - segment.Rva), Math.Max(1, instruction.Length));
        if (own.Contains(true))
        {
            return DecodeResult.Overlap;
        }

        own.Fill(true);

        // AMD's processors take the prefix 66 in front of a near branch as a 16-bit distance, Intel's ignore it: what is proven
        // for the one would not hold on the other.
        return other == instruction && other.Length == instruction.Length && !HasIdleRex(window)
            ? DecodeResult.Decoded : DecodeResult.Disputed;
    }

    /// <summary>Whether a REX prefix stands in front of another prefix, where it has no effect (SDM vol. 2, 2.2.1): decoders do not
    /// agree on whether it belongs to the instruction.</summary>
    private static bool HasIdleRex(ReadOnlySpan<byte> bytes)
    {
        for (int i = 0; i + 1 < bytes.Length && IsPrefix(bytes[i]); i++)
        {
            if (IsRex(bytes[i]) && IsPrefix(bytes[i + 1]))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsRex(byte value) => value is >= 0x40 and <= 0x4f;

    private static bool IsPrefix(byte value) =>
        value is 0x26 or 0x2e or 0x36 or 0x3e or 0x64 or 0x65 or 0x66 or 0x67 or 0xf0 or 0xf2 or 0xf3 || IsRex(value);

    /// <summary>Runs of bytes in code that nothing reached and that are no padding.</summary>
    public IEnumerable<(ulong Rva, ulong Size)> Unreached()
    {
        foreach ((ImageSegment segment, bool[] isOwned) in _coverage)
        {
            int at = 0;
            while (at < isOwned.Length)
            {
                int length = isOwned.AsSpan(at).IndexOf(true);
                int end = length < 0 ? isOwned.Length : at + length;
                int code = FirstCode(segment.Data.Span[at..end]);
                if (code >= 0)
                {
                    yield return (segment.Rva + (ulong)(at + code), (ulong)(end - at - code));
                }

                at = end + 1;
            }
        }
    }

    /// <summary>Index of the first byte that is no NOP of any length, INT3 or zero; -1 if there is none.</summary>
    private static int FirstCode(ReadOnlySpan<byte> bytes)
    {
        // One instruction's bytes at a time: a copy of all the rest after each zero would make padding take quadratic time.
        int at = 0;
        while (at < bytes.Length)
        {
            if (bytes[at] == 0)
            {
                at++;
                continue;
            }

            byte[] window = bytes.Slice(at, Math.Min(InstructionLengthMax, bytes.Length - at)).ToArray();
            Instruction instruction = Decoder.Create(64, new ByteArrayCodeReader(window)).Decode();
            if (instruction.Mnemonic is not (Mnemonic.Nop or Mnemonic.Int3))
            {
                return at;
            }

            at += instruction.Length;
        }

        return -1;
    }
}
