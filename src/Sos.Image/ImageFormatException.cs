using System;

namespace Sos.Image;

/// <summary>The fault of a file that should be a service image.</summary>
public enum ImageFormatError
{
    /// <summary>Not a 64-bit little-endian ELF file.</summary>
    NotElf,

    /// <summary>An ELF file of another type or machine.</summary>
    WrongType,

    /// <summary>Larger than any image, or with more parts.</summary>
    TooLarge,

    /// <summary>Ends before something that it announces.</summary>
    Truncated,

    /// <summary>A segment is not page-aligned, overlaps another, has no legal protection or is too large.</summary>
    BadSegment,

    /// <summary>A segment is writable and executable.</summary>
    WritableCode,

    /// <summary>A relocation is of another type than R_X86_64_RELATIVE, or out of range.</summary>
    BadRelocation,

    /// <summary>A relocation changes code.</summary>
    RelocationInCode,

    /// <summary>The service descriptor is missing or damaged.</summary>
    BadDescriptor,

    /// <summary>The descriptor is of a version, or the image for an ABI, that this library does not know.</summary>
    UnknownVersion,

    /// <summary>The entry point does not lie in code.</summary>
    BadEntry,

    /// <summary>A symbol or a name is out of range.</summary>
    BadSymbol,

    /// <summary>The statement of its ports is damaged, or cannot be met.</summary>
    BadPorts,

    /// <summary>The build id does not match the contents.</summary>
    BadBuildId,
}

/// <summary>A file is not a well-formed service image, object file or debug file.</summary>
public sealed class ImageFormatException : Exception
{
    /// <summary>Names the error and where it is.</summary>
    public ImageFormatException(ImageFormatError error, string message)
        : base(message) => Error = error;

    /// <summary>The fault.</summary>
    public ImageFormatError Error { get; }
}
