using System;
using System.Collections.Generic;
using System.Linq;
using Iced.Intel;
using Sos.Image.Verification.Forms;

namespace Sos.Image.Verification;

/// <summary>Tells how the decoding of an instruction ended.</summary>
internal enum DecodeResult
{
    Decoded,

    /// <summary>The instruction overlaps another that was decoded before.</summary>
    Overlap,

    /// <summary>The bytes are not the one encoding of the instruction that is allowed.</summary>
    Disputed,
}

/// <summary>An instruction of the code, with all that is the same from wherever one comes to it.</summary>
/// <param name="Instruction">The instruction.</param>
/// <param name="Result">How its decoding ended.</param>
/// <param name="Effect">What it changes.</param>
/// <param name="Refusal">The id and text of its refusal, wherever it stands; null if it may run.</param>
internal sealed record CodeInstruction(Instruction Instruction, DecodeResult Result, Effect Effect, (string Id, string Message)? Refusal);

/// <summary>Every byte of an image's code, and which instruction it belongs to.</summary>
internal sealed class CodeMap
{
    private const byte Int3 = 0xcc;

    private readonly Dictionary<ulong, CodeInstruction> _decoded = [];
    private readonly CanonicalEncoding _encoding = new();
    private readonly List<Code> _code = [];
    private readonly WalkBudget _budget;

    public CodeMap(ServiceImage image, WalkBudget budget)
    {
        _budget = budget;
        foreach (ImageSegment s in image.Segments.Where(s => s.Protection.HasFlag(SegmentProtection.Execute)))
        {
            _code.Add(new Code(s));
        }
    }

    /// <summary>Whether an address lies in code that stands in the file.</summary>
    public bool IsCode(ulong rva) => Find(rva) is not null;

    /// <summary>All instructions that were decoded, in ascending order of address.</summary>
    public IEnumerable<Instruction> Instructions => _decoded.Values.Select(d => d.Instruction).OrderBy(i => i.IP);

    /// <summary>Decodes the instruction at an address of code.</summary>
    public CodeInstruction Decode(ulong rva)
    {
        if (_decoded.TryGetValue(rva, out CodeInstruction? known))
        {
            return known;
        }

        Code code = Find(rva) ?? throw new ArgumentOutOfRangeException(nameof(rva), "this is no code");
        Instruction instruction = code.Decode(rva);
        int at = (int)(rva - code.Segment.Rva);
        Span<bool> own = code.IsOwned.AsSpan(at, Math.Max(1, instruction.Length));
        DecodeResult result = own.Contains(true) ? DecodeResult.Overlap
            : _encoding.Matches(instruction, code.Segment.Data.Span.Slice(at, instruction.Length)) ? DecodeResult.Decoded
            : DecodeResult.Disputed;
        if (result != DecodeResult.Overlap)
        {
            own.Fill(true);
        }

        Effect effect = InstructionForms.EffectOf(instruction.Code);
        known = new CodeInstruction(instruction, result, effect, InstructionRules.Check(instruction, result, effect));
        _decoded.Add(rva, known);
        _budget.Decode();
        return known;
    }

    /// <summary>Runs of bytes in code that nothing reached and that are no padding.</summary>
    public IEnumerable<(ulong Rva, ulong Size)> Unreached()
    {
        foreach (Code c in _code)
        {
            int at = 0;
            while (at < c.IsOwned.Length)
            {
                int length = c.IsOwned.AsSpan(at).IndexOf(true);
                int end = length < 0 ? c.IsOwned.Length : at + length;
                int code = FirstCode(c, at, end);
                if (code >= 0)
                {
                    yield return (c.Segment.Rva + (ulong)code, (ulong)(end - code));
                }

                at = end + 1;
            }
        }
    }

    private Code? Find(ulong rva)
    {
        foreach (Code c in _code)
        {
            if (c.Segment.Contains(rva) && rva - c.Segment.Rva < (ulong)c.Segment.Data.Length)
            {
                return c;
            }
        }

        return null;
    }

    /// <summary>Index of the first byte from one place up to another that is no NOP of any length, INT3 or zero; -1 if there is none.</summary>
    private static int FirstCode(Code code, int at, int end)
    {
        ReadOnlySpan<byte> bytes = code.Segment.Data.Span[..end];
        while (at < end)
        {
            if (bytes[at] is 0 or Int3)
            {
                int padding = bytes[at..].IndexOfAnyExcept((byte)0, Int3);
                at = padding < 0 ? end : at + padding;
                continue;
            }

            Instruction instruction = code.Decode(code.Segment.Rva + (ulong)at);
            if (instruction.Mnemonic != Mnemonic.Nop || instruction.Length > end - at)
            {
                return at;
            }

            at += instruction.Length;
        }

        return -1;
    }

    /// <summary>One segment of code.</summary>
    private sealed class Code
    {
        private readonly ByteArrayCodeReader _reader;
        private readonly Decoder _decoder;

        public Code(ImageSegment segment)
        {
            Segment = segment;
            IsOwned = new bool[segment.Data.Length];
            _reader = new ByteArrayCodeReader(segment.Data.ToArray());
            _decoder = Decoder.Create(64, _reader, DecoderOptions.None);
        }

        public ImageSegment Segment { get; }

        /// <summary>Which bytes belong to an instruction that was decoded.</summary>
        public bool[] IsOwned { get; }

        public Instruction Decode(ulong rva)
        {
            _reader.Position = (int)(rva - Segment.Rva);
            _decoder.IP = rva;
            return _decoder.Decode();
        }
    }
}
