using System;
using System.Linq;
using Sos.Fuzz.Images;
using Sos.Image;
using Sos.Image.Debugging;
using Sos.Image.Verification;

namespace Sos.Fuzz.Targets;

internal static class ImageTargets
{
    private static readonly Lazy<ImageMutator[]> Mutators = new(() => [.. Corpus.Load("image").Where(IsAccepted).Select(f => new ImageMutator(f))]);

    /// <summary>Files of images; their build id is made right, or hardly any mutation would be read further.</summary>
    public static bool Image(byte[] input)
    {
        BuildIdRepair.Repair(input);
        try
        {
            ServiceImage image = ServiceImage.Read(input);
            RequireSound(image);
            return ImageVerifier.Verify(image).IsEmpty;
        }
        catch (ImageFormatException)
        {
            return false;
        }
    }

    /// <summary>
    /// Real images, changed where it hurts: code, headers, tables. What is accepted must be the same to another decoder. The input
    /// is the number of the change alone.
    /// </summary>
    public static bool Mutant(byte[] input)
    {
        ulong number = 14695981039346656037; // FNV-1a, 64 bits
        foreach (byte b in input)
        {
            number = (number ^ b) * 1099511628211;
        }

        Random random = new((int)(number ^ (number >> 32)));
        byte[] file = Mutators.Value[random.Next(Mutators.Value.Length)].Make(random, out _);
        try
        {
            ServiceImage image = ServiceImage.Read(file);
            RequireSound(image);
            Verdict verdict = ImageVerifier.Examine(image);
            if (verdict.Diagnostics.IsEmpty)
            {
                AcceptedImage.Require(image, verdict);
            }

            return verdict.Diagnostics.IsEmpty;
        }
        catch (ImageFormatException)
        {
            return false;
        }
    }

    /// <summary>Debug files.</summary>
    public static bool Debug(byte[] input)
    {
        try
        {
            DebugFile file = DebugFile.Read(input);
            foreach (DebugMethod method in file.Methods.Take(100))
            {
                _ = file.Resolve(method.Rva)?.ToString();
                _ = file.Resolve(method.Rva + method.Size)?.ToString();
            }

            _ = file.Resolve(0);
            _ = file.Resolve(ulong.MaxValue);
            return true;
        }
        catch (ImageFormatException)
        {
            return false;
        }
    }

    private static bool IsAccepted(byte[] file)
    {
        try
        {
            return ImageVerifier.Verify(ServiceImage.Read(file)).IsEmpty;
        }
        catch (ImageFormatException)
        {
            return false;
        }
    }

    private static void RequireSound(ServiceImage image)
    {
        ulong end = 0;
        foreach (ImageSegment segment in image.Segments)
        {
            FuzzException.Require(segment.Rva >= end && segment.Rva % ImageSegment.PageSize == 0, "segments are aligned and apart");
            FuzzException.Require((ulong)segment.Data.Length <= segment.MemorySize, "a segment has room for its data");
            FuzzException.Require(
                !segment.Protection.HasFlag(SegmentProtection.Write) || !segment.Protection.HasFlag(SegmentProtection.Execute),
                "no segment is writable and executable");
            end = segment.Rva + segment.MappedSize;
        }

        FuzzException.Require(end <= ServiceImage.MaxMemorySize + ImageSegment.PageSize && image.MemorySize == end, "the memory is bounded");
        FuzzException.Require(image.SegmentAt(image.Entry) is { } code && code.Protection.HasFlag(SegmentProtection.Execute), "the entry is code");
        foreach (ImageRelocation relocation in image.Relocations)
        {
            RequireData(image, relocation.Rva);
        }

        if (image.Descriptor.IsaVariableRva != 0)
        {
            RequireData(image, image.Descriptor.IsaVariableRva);
        }
    }

    /// <summary>Checks that the loader writes into data alone: the verifier has seen the code as it is in the file.</summary>
    private static void RequireData(ServiceImage image, ulong rva)
    {
        ImageSegment? segment = image.SegmentAt(rva);
        FuzzException.Require(
            segment is not null && segment.End - rva >= 8 && !segment.Protection.HasFlag(SegmentProtection.Execute),
            "the loader writes to data alone");
    }
}
