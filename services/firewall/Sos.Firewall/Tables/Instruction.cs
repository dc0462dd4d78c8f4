using System.Runtime.InteropServices;

namespace Sos.Firewall.Tables;

/// <summary>
/// One step of the program that a table holds. A rule is a row of matches, each of which leaves for <see cref="Next"/> (the next
/// rule) if it fails, and then its statements. Control only ever moves forward, so every program ends.
/// </summary>
[StructLayout(LayoutKind.Sequential, Size = Size)]
public struct Instruction
{
    /// <summary>Bytes of an instruction: four to a cache line.</summary>
    public const int Size = 16;

    /// <summary>The operation.</summary>
    public Operation Operation;

    /// <summary>The field that a match looks at.</summary>
    public Field Field;

    /// <summary>1 if a match is to fail where it would succeed; a missing field fails either way.</summary>
    public byte Negate;

    /// <summary>The field that a value is taken from: see <see cref="Operation.Assign"/>. Else 0.</summary>
    public Field Source;

    /// <summary>Index of the instruction that a failed match, or the return from a jump, goes on at.</summary>
    public uint Next;

    /// <summary>First operand.</summary>
    public uint A;

    /// <summary>Second operand.</summary>
    public uint B;
}
