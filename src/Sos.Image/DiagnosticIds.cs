namespace Sos.Image;

/// <summary>The stable ids of what builder and verifier refuse. docs/verifier has a section for each.</summary>
public static class DiagnosticIds
{
    /// <summary>Memory is allocated on the heap.</summary>
    public const string Allocation = "SOS1001";

    /// <summary>A lock, a monitor or another thread is used.</summary>
    public const string Lock = "SOS1002";

    /// <summary>A type's static constructor would run at first use.</summary>
    public const string LazyStaticConstructor = "SOS1003";

    /// <summary>A reference is stored with the garbage collector's write barrier.</summary>
    public const string WriteBarrier = "SOS1004";

    /// <summary>An interface method of an object is called.</summary>
    public const string InterfaceDispatch = "SOS1005";

    /// <summary>An indirect call: a virtual method, a delegate or a function pointer.</summary>
    public const string IndirectCall = "SOS1006";

    /// <summary>An exception is thrown.</summary>
    public const string Throw = "SOS1007";

    /// <summary>A method catches exceptions or has a finally block.</summary>
    public const string ExceptionHandler = "SOS1008";

    /// <summary>A native function other than the gate is called.</summary>
    public const string PInvoke = "SOS1009";

    /// <summary>A part of the runtime that has no place in a service is used.</summary>
    public const string UnknownExternal = "SOS1010";

    /// <summary>A thread-static variable, or memory relative to FS or GS, is used.</summary>
    public const string ThreadStatic = "SOS1011";

    /// <summary>A static field of a reference type needs the runtime to be set up.</summary>
    public const string ReferenceStatic = "SOS1012";

    /// <summary>An object is cast through the runtime.</summary>
    public const string TypeCast = "SOS1013";

    /// <summary>The address of a function is taken.</summary>
    public const string FunctionPointer = "SOS1014";

    /// <summary>The service's entry point is missing.</summary>
    public const string NoEntry = "SOS1015";

    /// <summary>A system call, or a software interrupt other than the gate.</summary>
    public const string SystemCall = "SOS1020";

    /// <summary>A privileged or input/output instruction.</summary>
    public const string Privileged = "SOS1021";

    /// <summary>A far branch, or a change of a segment register.</summary>
    public const string FarOrSegment = "SOS1022";

    /// <summary>Bytes that are no instruction.</summary>
    public const string Undecodable = "SOS1023";

    /// <summary>A jump or call out of the image's code.</summary>
    public const string OutOfCode = "SOS1024";

    /// <summary>A jump or call into the middle of an instruction, or instructions that overlap.</summary>
    public const string Overlap = "SOS1025";

    /// <summary>An indirect jump that is not a switch's, or whose targets cannot be proven.</summary>
    public const string IndirectJump = "SOS1026";

    /// <summary>Bytes in the code segment that no path from the entry reaches.</summary>
    public const string UnreachedCode = "SOS1027";

    /// <summary>A segment is writable and executable, or a relocation changes code.</summary>
    public const string WritableCode = "SOS1028";

    /// <summary>The image is larger than allowed.</summary>
    public const string TooLarge = "SOS1029";

    /// <summary>Functions call each other in a circle: the use of stack is unbounded.</summary>
    public const string Recursion = "SOS1030";

    /// <summary>The worst case of stack use exceeds the stack.</summary>
    public const string StackTooDeep = "SOS1031";

    /// <summary>The use of stack in a function cannot be determined.</summary>
    public const string StackUnknown = "SOS1032";

    /// <summary>The file is no well-formed image.</summary>
    public const string Malformed = "SOS1033";

    /// <summary>A function changes its return address, or a register that its caller counts on.</summary>
    public const string CallerState = "SOS1034";

    /// <summary>The form of an instruction is not on the list of those that are allowed.</summary>
    public const string FormNotAllowed = "SOS1035";

    /// <summary>The verifier has gone as far as it does with one image.</summary>
    public const string TooComplex = "SOS1036";
}
