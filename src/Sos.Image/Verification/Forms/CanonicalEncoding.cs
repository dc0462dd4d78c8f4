using System;
using Iced.Intel;

namespace Sos.Image.Verification.Forms;

/// <summary>
/// Requires that an instruction's bytes are the ones that encoding it gives. Prefixes that do nothing, ignored bits and doubled
/// prefixes, on which decoders and processors may differ, are then all refused at once.
/// </summary>
internal sealed class CanonicalEncoding
{
    private const int LengthMax = 16;
    private const byte IdleRex = 0x40;
    private const byte OperandSize = 0x66;

    private readonly Collector _collector = new();
    private readonly Encoder _encoder;

    public CanonicalEncoding() => _encoder = Encoder.Create(64, _collector);

    /// <summary>Whether the bytes are the instruction's only allowed encoding.</summary>
    /// <param name="i">The instruction as decoded.</param>
    /// <param name="bytes">Its bytes.</param>
    public bool Matches(in Instruction i, ReadOnlySpan<byte> bytes)
    {
        _collector.Count = 0;
        if (i.IsInvalid || !_encoder.TryEncode(i, i.IP, out _, out _))
        {
            return false;
        }

        ReadOnlySpan<byte> canonical = _collector.Bytes;
        if (bytes.SequenceEqual(canonical))
        {
            return true;
        }

        // ILC writes an empty REX in front of a MOVZX into RSI or RDI, and repeats 66 in front of a long NOP: both change nothing (SDM
        // vol. 2, 2.2.1; APM vol. 3, 1.2.7: an empty REX only tells SPL to DIL from AH to BH, and is then canonical).
        bool isExtension = InstructionForms.EffectOf(i.Code) == Effect.Extend && canonical[0] == 0x0f;
        return (isExtension && bytes[0] == IdleRex && bytes[1..].SequenceEqual(canonical))
            || (i.Mnemonic == Mnemonic.Nop && canonical[0] == OperandSize
                && bytes.TrimStart(OperandSize).SequenceEqual(canonical.TrimStart(OperandSize)));
    }

    private sealed class Collector : CodeWriter
    {
        private readonly byte[] _bytes = new byte[LengthMax];

        public int Count { get; set; }

        public ReadOnlySpan<byte> Bytes => _bytes.AsSpan(0, Count);

        public override void WriteByte(byte value) => _bytes[Count++] = value;
    }
}
