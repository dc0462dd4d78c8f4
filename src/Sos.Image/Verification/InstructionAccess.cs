using Iced.Intel;
using Sos.Image.Verification.Forms;

namespace Sos.Image.Verification;

/// <summary>Names the general registers and the memory that an allowed instruction accesses, other than a branch.</summary>
/// <param name="Registers">The general registers that may change, by number, as bits; RSP only where its change is not known.</param>
/// <param name="MemorySize">Bytes of memory that its memory operand has; 0 if it has none.</param>
/// <param name="WritesMemory">Whether these bytes may change.</param>
internal readonly record struct InstructionAccess(int Registers, int MemorySize, bool WritesMemory)
{
    public const int Rax = 0;
    public const int Rcx = 1;
    public const int Rdx = 2;
    public const int Rsp = 4;
    public const int Rsi = 6;
    public const int Rdi = 7;
    public const int WordSize = 8;

    /// <summary>The accesses of an instruction, from the effect of its form and its operands.</summary>
    public static InstructionAccess Of(in Instruction i, Effect effect)
    {
        int implied = effect switch
        {
            Effect.WideResult or Effect.TimeStamp => Bit(Rax) | Bit(Rdx),
            Effect.CompareExchange or Effect.ExtendRax => Bit(Rax),
            Effect.SignOfRax => Bit(Rdx),
            Effect.RepeatedMove => Bit(Rcx) | Bit(Rsi) | Bit(Rdi),
            Effect.RepeatedStore => Bit(Rcx) | Bit(Rdi),
            _ => 0,
        };
        bool writesFirst = WritesFirst(effect);
        if (writesFirst && i.Op0Kind == OpKind.Register)
        {
            implied |= General(i.Op0Register);
        }

        if (effect is Effect.Exchange or Effect.Product)
        {
            implied |= General(i.Op1Register);
        }

        bool hasMemory = effect is not (Effect.Nothing or Effect.Address or Effect.RepeatedMove or Effect.RepeatedStore)
            && (i.Op0Kind == OpKind.Memory || i.Op1Kind == OpKind.Memory || i.Op2Kind == OpKind.Memory);
        return new(implied, hasMemory ? i.MemorySize.GetSize() : 0, hasMemory && writesFirst && i.Op0Kind == OpKind.Memory && !KeepsMemory(i));
    }

    /// <summary>The number of a general register of any width, as a bit; 0 for another register.</summary>
    public static int General(Register register) => register.IsGPR() ? Bit(Index(register)) : 0;

    /// <summary>The number of a general register of any width.</summary>
    public static int Index(Register register) => register.GetFullRegister() - Register.RAX;

    private static bool WritesFirst(Effect effect) => effect is Effect.Copy or Effect.Extend or Effect.Address or Effect.Sum or Effect.Difference
        or Effect.Mask or Effect.Arithmetic or Effect.Shift or Effect.Select or Effect.Exchange or Effect.CompareExchange or Effect.Product
        or Effect.Pop or Effect.Vector or Effect.Extract;

    /// <summary>"lock or [rsp], 0" is the compiler's memory barrier: it writes what is there.</summary>
    private static bool KeepsMemory(in Instruction i) => i.Mnemonic == Mnemonic.Or && i.Op1Kind != OpKind.Register && i.GetImmediate(1) == 0;

    private static int Bit(int register) => 1 << register;
}
