using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sos.Firewall.Tables;

/// <summary>The consequence of a lookup: where the packet goes on, or what becomes of it, and in which counter it counts.</summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct Outcome
{
    /// <summary>Bytes of an outcome.</summary>
    public const int Size = 8;

    /// <summary>Position of a packet that passes.</summary>
    public const uint Pass = 0xffff_ff00;

    /// <summary>Position of a packet that a rule drops.</summary>
    public const uint DropByRule = Pass + 1;

    /// <summary>Position of a packet that the policy of a base chain drops.</summary>
    public const uint DropByPolicy = Pass + 2;

    /// <summary>Position of a packet that is dropped and counted already.</summary>
    public const uint DropCounted = Pass + 3;

    /// <summary>Position of a packet that the stages did not see. The ends before it count up from <see cref="Pass"/> to a power of two.</summary>
    public const uint NotStaged = Pass + 4;

    /// <summary>No counter.</summary>
    public const uint NoCounter = 0xffff_ffff;

    /// <summary>Bits of a position that are the instruction.</summary>
    public const int InstructionBits = 18;

    /// <summary>The instruction, and above it the number of the base chain; or one of the ends.</summary>
    public uint Position;

    /// <summary>A counter, or <see cref="NoCounter"/>.</summary>
    public uint Counter;

    /// <summary>Puts a position together.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint At(uint baseChain, uint instruction) => (baseChain << InstructionBits) | instruction;

    /// <summary>The number of the base chain in a position.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint BaseChainOf(uint position) => position >> InstructionBits;

    /// <summary>The instruction in a position.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static uint InstructionOf(uint position) => position & ((1u << InstructionBits) - 1);
}
