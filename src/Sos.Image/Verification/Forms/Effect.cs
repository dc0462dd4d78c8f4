namespace Sos.Image.Verification.Forms;

/// <summary>The kinds of instructions, by what one of them changes. <see cref="InstructionForms"/> names the forms of each.</summary>
internal enum Effect : byte
{
    /// <summary>No service may contain it.</summary>
    Refused,

    /// <summary>Nothing changes but the instruction pointer.</summary>
    Nothing,

    /// <summary>Flags change.</summary>
    Read,

    /// <summary>Flags tell how the first operand stands to the second.</summary>
    Compare,

    /// <summary>The first operand becomes the second.</summary>
    Copy,

    /// <summary>A register becomes a shorter value, extended.</summary>
    Extend,

    /// <summary>A register becomes an address.</summary>
    Address,

    /// <summary>The first operand becomes a sum.</summary>
    Sum,

    /// <summary>The first operand becomes a difference.</summary>
    Difference,

    /// <summary>The first operand loses bits.</summary>
    Mask,

    /// <summary>The first operand changes, and flags; a 32-bit result clears the upper half.</summary>
    Arithmetic,

    /// <summary>The first operand changes, and flags, or nothing does.</summary>
    Shift,

    /// <summary>The first operand changes.</summary>
    Select,

    /// <summary>Both operands change.</summary>
    Exchange,

    /// <summary>The first operand changes, or RAX.</summary>
    CompareExchange,

    /// <summary>RAX and RDX change, and flags.</summary>
    WideResult,

    /// <summary>RDX becomes the sign of RAX.</summary>
    SignOfRax,

    /// <summary>RAX becomes its lower half, extended.</summary>
    ExtendRax,

    /// <summary>The first two operands change.</summary>
    Product,

    /// <summary>RAX and RDX change.</summary>
    TimeStamp,

    /// <summary>Bytes are copied from RSI to RDI, as many as RCX says; the three change.</summary>
    RepeatedMove,

    /// <summary>Bytes at RDI are set, as many as RCX says; the two change.</summary>
    RepeatedStore,

    /// <summary>A register or a constant is pushed.</summary>
    Push,

    /// <summary>A register is popped.</summary>
    Pop,

    /// <summary>A vector register changes, or the memory that is the first operand.</summary>
    Vector,

    /// <summary>A general register changes, or the memory that is the first operand, by a vector.</summary>
    Extract,

    /// <summary>Control goes to the target.</summary>
    Jump,

    /// <summary>Control goes to the target or on.</summary>
    Branch,

    /// <summary>Control goes to the target, and comes back.</summary>
    Call,

    /// <summary>Control goes back to the caller.</summary>
    Return,

    /// <summary>Control goes to what a register holds.</summary>
    Switch,

    /// <summary>The gate.</summary>
    Gate,

    /// <summary>Control ends.</summary>
    Trap,
}
