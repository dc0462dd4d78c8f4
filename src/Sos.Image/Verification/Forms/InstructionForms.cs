using System;
using Iced.Intel;

namespace Sos.Image.Verification.Forms;

/// <summary>
/// The list of what a service may contain. A form is an opcode with its operands' kinds and sizes, as Iced's <see cref="Code"/>
/// names it. On the list is what ILC was seen to emit, or the builder's stubs need, with what belongs to the same family: the other
/// conditions, operand sizes and directions of the same mnemonic. A test holds the list against the forms of all images of the
/// repository and of tests/Sos.Image.Tests/FormServices.
/// </summary>
internal static class InstructionForms
{
    /// <summary>More codes than Iced knows.</summary>
    private const int CodesMax = 8192;

    private static readonly Effect[] Effects = Fill();

    /// <summary>How many forms are on the list.</summary>
    public static int Count { get; } = CodesMax - Effects.AsSpan().Count(Effect.Refused);

    /// <summary>The effect of a form; <see cref="Effect.Refused"/> for one that is not on the list.</summary>
    public static Effect EffectOf(Code code) => (int)code < CodesMax ? Effects[(int)code] : Effect.Refused;

    /// <summary>Why an instruction of a form of the list may not be used as it is, or null: the operands and prefixes that a form
    /// leaves open.</summary>
    public static string? RefusedUse(in Instruction i, Effect effect)
    {
        if (i.HasLockPrefix && !MayLock(i, effect))
        {
            return "LOCK is not allowed here";
        }

        bool repeats = effect is Effect.RepeatedMove or Effect.RepeatedStore;
        if (i.HasRepPrefix != repeats || i.HasRepnePrefix || i.HasXacquirePrefix || i.HasXreleasePrefix)
        {
            return repeats ? "it is allowed with the prefix REP only" : "a prefix F2 or F3 is not allowed here";
        }

        if (i.SegmentPrefix != Register.None)
        {
            return "a segment prefix is not allowed here";
        }

        if (i.Op0Kind == OpKind.Memory || i.Op1Kind == OpKind.Memory || i.Op2Kind == OpKind.Memory)
        {
            // A bit of a string in memory is addressed by the register too, as far as 2^60 bytes away.
            return i.Mnemonic == Mnemonic.Bt ? "a bit string in memory is not allowed"
                : HasWideAddress(i) ? null : "an address of 32 bits is not allowed";
        }

        return repeats && i.Op0Kind != OpKind.MemoryESRDI ? "an address of 32 bits is not allowed" : null;
    }

    /// <summary>Whether the flags are after an instruction what they were before.</summary>
    public static bool KeepsFlags(Effect effect) => effect is Effect.Nothing or Effect.Copy or Effect.Extend or Effect.Address or Effect.Select
        or Effect.SignOfRax or Effect.ExtendRax or Effect.Product or Effect.TimeStamp or Effect.RepeatedMove or Effect.RepeatedStore
        or Effect.Push or Effect.Pop or Effect.Vector or Effect.Extract or Effect.Jump or Effect.Branch or Effect.Return or Effect.Switch;

    private static bool MayLock(in Instruction i, Effect effect) => i.Op0Kind == OpKind.Memory && (effect is Effect.Sum or Effect.Difference
        or Effect.Mask or Effect.Exchange or Effect.CompareExchange
        || i.Mnemonic is Mnemonic.Or or Mnemonic.Xor or Mnemonic.Inc or Mnemonic.Dec);

    /// <summary>Whether the address is made of 64-bit registers, or of RIP, or of a vector of indices.</summary>
    private static bool HasWideAddress(in Instruction i) => (i.MemoryBase is Register.None or Register.RIP || i.MemoryBase.IsGPR64())
        && (i.MemoryIndex == Register.None || i.MemoryIndex.IsGPR64() || i.MemoryIndex.IsVectorRegister())
        && (i.MemoryBase != Register.None || i.MemoryIndex != Register.None || i.MemoryDisplSize == 8);

    private static Effect[] Fill()
    {
        Effect[] effects = new Effect[CodesMax];
        void Add(ReadOnlySpan<Code> codes, Effect effect)
        {
            foreach (Code code in codes)
            {
                effects[(int)code] = effects[(int)code] == Effect.Refused ? effect : throw new InvalidOperationException($"{code} is listed twice");
            }
        }

        Add(ScalarForms.Nothing, Effect.Nothing);
        Add(ScalarForms.Reads, Effect.Read);
        Add(ScalarForms.Compares, Effect.Compare);
        Add(ScalarForms.Copies, Effect.Copy);
        Add(ScalarForms.Extensions, Effect.Extend);
        Add(ScalarForms.Addresses, Effect.Address);
        Add(ScalarForms.Sums, Effect.Sum);
        Add(ScalarForms.Differences, Effect.Difference);
        Add(ScalarForms.Masks, Effect.Mask);
        Add(ScalarForms.Arithmetic, Effect.Arithmetic);
        Add(ScalarForms.RandomNumbers, Effect.Arithmetic);
        Add(ScalarForms.Shifts, Effect.Shift);
        Add(ScalarForms.Selections, Effect.Select);
        Add(ScalarForms.Exchanges, Effect.Exchange);
        Add(ScalarForms.ComparedExchanges, Effect.CompareExchange);
        Add(ScalarForms.WideResults, Effect.WideResult);
        Add(ScalarForms.SignsOfRax, Effect.SignOfRax);
        Add(ScalarForms.ExtensionsOfRax, Effect.ExtendRax);
        Add(ScalarForms.Products, Effect.Product);
        Add(ScalarForms.TimeStamps, Effect.TimeStamp);
        Add(ScalarForms.RepeatedMoves, Effect.RepeatedMove);
        Add(ScalarForms.RepeatedStores, Effect.RepeatedStore);
        Add(ScalarForms.Pushes, Effect.Push);
        Add(ScalarForms.Pops, Effect.Pop);
        Add(ScalarForms.Jumps, Effect.Jump);
        Add(ScalarForms.Branches, Effect.Branch);
        Add(ScalarForms.Calls, Effect.Call);
        Add(ScalarForms.Returns, Effect.Return);
        Add(ScalarForms.Switches, Effect.Switch);
        Add(ScalarForms.Gates, Effect.Gate);
        Add(ScalarForms.Traps, Effect.Trap);
        Add(VectorForms.Vectors, Effect.Vector);
        Add(VectorForms.Tests, Effect.Read);
        Add(VectorForms.Extracts, Effect.Extract);
        return effects;
    }
}
