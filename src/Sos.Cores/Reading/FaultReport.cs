using System;
using System.Collections.Generic;
using System.IO;
using Sos.Cores.Loading;
using Sos.Image;
using Sos.Image.Debugging;
using Sos.Sdk.Memory;

namespace Sos.Cores.Reading;

/// <summary>One place in the code of a service.</summary>
/// <param name="Address">Where, in the service.</param>
/// <param name="Method">The C# method, or null if it is not known.</param>
/// <param name="File">Its file, or null.</param>
/// <param name="Line">Its line, or 0.</param>
public sealed record CodePlace(ulong Address, string? Method, string? File, int Line)
{
    /// <inheritdoc/>
    public override string ToString()
        => Method is null ? $"0x{Address:x}" : File is null ? Method : $"{Method} ({File}:{Line})";
}

/// <summary>A fault in the words of the service's source.</summary>
/// <param name="Fault">The fault.</param>
/// <param name="Place">Where it happened.</param>
/// <param name="Callers">
/// Return addresses found on the stack, innermost first. Without frame pointers some may be left over from calls that have ended.
/// </param>
/// <param name="Summary">What happened, in one line.</param>
public sealed record FaultReport(FaultRecord Fault, CodePlace Place, IReadOnlyList<CodePlace> Callers, string Summary)
{
    private const int CallersMax = 8;
    private const uint InvalidOpcode = 6;
    private const uint PageFault = 14;

    /// <summary>Explains a fault.</summary>
    /// <param name="fault">The fault.</param>
    /// <param name="imagePath">The image; its debug file lies beside it. Without one addresses are shown.</param>
    public static FaultReport Create(FaultRecord fault, string imagePath)
    {
        try
        {
            ServiceImage image = ServiceImage.Read(imagePath);
            string debugPath = imagePath + ".debug";
            DebugFile? debug = File.Exists(debugPath) ? DebugFile.Read(debugPath) : null;
            return Create(fault, image, debug is not null && debug.Matches(image) ? debug : null);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or ImageFormatException)
        {
            // The image may have been replaced since: the addresses are still worth showing.
            return Create(fault, null, null);
        }
    }

    /// <summary>Explains a fault.</summary>
    public static FaultReport Create(FaultRecord fault, ServiceImage? image, DebugFile? debug)
    {
        CodePlace place = Locate(fault.InstructionPointer, debug, 0);
        List<CodePlace> callers = [];
        foreach (ulong word in fault.Stack)
        {
            if (callers.Count < CallersMax && IsCode(word, image) && debug?.MethodAt(word - AddressSpace.Image) is not null)
            {
                // The call ends at the return address: the byte before belongs to its line.
                callers.Add(Locate(word, debug, 1));
            }
        }

        return new FaultReport(fault, place, callers, Summarise(fault, place, callers));
    }

    private static string Summarise(FaultRecord fault, CodePlace place, List<CodePlace> callers)
    {
        if (fault.Vector == FaultRecord.ForcedVector)
        {
            return $"{fault.VectorName}, at {place}";
        }

        string caller = callers.Count > 0 ? $", called from {callers[0]}" : "";
        return fault.Vector switch
        {
            PageFault when fault.Address < AddressSpace.PageSize && Enum.IsDefined((TrapCode)fault.Address)
                => $"a check of the SDK failed: {(TrapCode)fault.Address}{caller}",
            PageFault when fault.Address is >= (ulong)TrapCode.ServiceDefined and < AddressSpace.PageSize
                => $"a check of the service failed: code 0x{fault.Address:x}{caller}",
            PageFault when fault.Address < AddressSpace.PageSize => $"null pointer, in {place}{caller}",
            PageFault => $"page fault at 0x{fault.Address:x} ({Access(fault.ErrorCode)}), in {place}{caller}",
            InvalidOpcode when callers.Count > 0 => $"{place} was thrown{caller}",
            _ => $"{fault.VectorName}, in {place}{caller}",
        };
    }

    // SDM vol. 3, 4.7: the page fault's error code.
    private static string Access(ulong errorCode)
        => (errorCode & 16) != 0 ? "executed" : (errorCode & 2) != 0 ? "written" : "read";

    private static CodePlace Locate(ulong address, DebugFile? debug, ulong back)
    {
        CodeLocation? location = address > AddressSpace.Image ? debug?.Resolve(address - AddressSpace.Image - back) : null;
        return new CodePlace(address, location?.Method, location?.File, location?.Line ?? 0);
    }

    private static bool IsCode(ulong address, ServiceImage? image)
    {
        if (image is null || address < AddressSpace.Image)
        {
            return false;
        }

        foreach (ImageSegment segment in image.Segments)
        {
            if (segment.Protection.HasFlag(SegmentProtection.Execute) && segment.Contains(address - AddressSpace.Image))
            {
                return true;
            }
        }

        return false;
    }
}
