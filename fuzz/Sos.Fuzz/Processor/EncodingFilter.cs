using System;
using Iced.Intel;
using Sos.Image.Verification;
using Sos.Image.Verification.Forms;

namespace Sos.Fuzz.Processor;

/// <summary>Tells which bytes the verifier allows as one instruction.</summary>
/// <param name="address">Where they are to lie.</param>
internal sealed class EncodingFilter(ulong address)
{
    private readonly CanonicalEncoding _encoding = new();
    private readonly byte[] _window = new byte[15];

    /// <summary>The bytes that were looked at last, and NOPs behind them.</summary>
    public Span<byte> Window => _window;

    /// <summary>Whether the verifier allows bytes as one instruction.</summary>
    public bool IsAllowed(ReadOnlySpan<byte> bytes, out Instruction instruction, out Effect effect)
    {
        bytes.CopyTo(_window);
        _window.AsSpan(bytes.Length).Fill(0x90);
        instruction = Decode(out _);
        effect = InstructionForms.EffectOf(instruction.Code);
        return effect != Effect.Refused && InstructionRules.Check(instruction, DecodeResult.Decoded, effect) is null
            && _encoding.Matches(instruction, _window.AsSpan(0, instruction.Length));
    }

    /// <summary>Decodes the window, and tells where the instruction's constants stand in it.</summary>
    public Instruction Decode(out ConstantOffsets constants)
    {
        Decoder decoder = Decoder.Create(64, new ByteArrayCodeReader(_window), address);
        decoder.Decode(out Instruction instruction);
        constants = decoder.GetConstantOffsets(instruction);
        return instruction;
    }
}
