using System;
using System.Collections.Generic;
using System.Collections.Immutable;
using System.Linq;
using Sos.Image.Debugging;
using Sos.Image.Elf;
using Sos.Image.Verification;

namespace Sos.Image.Building;

/// <summary>An image as it was built, and what is wrong with it.</summary>
/// <param name="Image">The <c>.sosimg</c> file, empty if the entry is missing.</param>
/// <param name="Debug">The <c>.sosimg.debug</c> file, empty if the entry is missing.</param>
/// <param name="Diagnostics">Empty for an image that may be used.</param>
public sealed record BuiltImage(byte[] Image, byte[] Debug, ImmutableArray<ImageDiagnostic> Diagnostics);

/// <summary>Makes a service image of the object file that ILC wrote: keeps what the entry reaches, lays it out, verifies
/// it.</summary>
public static class ImageBuilder
{
    /// <summary>Builds one image.</summary>
    /// <param name="objectFile">ILC's object file.</param>
    /// <param name="options">What to put into the descriptor, and the limits.</param>
    /// <param name="names">Turns ILC's names into C# ones.</param>
    /// <exception cref="ImageFormatException">The object file is damaged, or the options do not fit a descriptor.</exception>
    public static BuiltImage Build(ReadOnlyMemory<byte> objectFile, ImageOptions options, MethodNames names)
    {
        ElfObject file = ElfObject.Read(objectFile);
        return Build(file, new ObjectAtoms(file), LineTable.Read(file), options, names);
    }

    /// <summary>Builds several images of one object file, each from an entry of its own.</summary>
    public static IReadOnlyList<BuiltImage> BuildMany(ReadOnlyMemory<byte> objectFile, IEnumerable<ImageOptions> options,
        MethodNames names)
    {
        ElfObject file = ElfObject.Read(objectFile);
        LineTable lines = LineTable.Read(file);
        return [.. options.Select(o => Build(file, new ObjectAtoms(file), lines, o, names))];
    }

    private static BuiltImage Build(ElfObject file, ObjectAtoms objects, LineTable lines, ImageOptions options, MethodNames names)
    {
        ReachableAtoms reached;
        try
        {
            reached = new ReachableAtoms(objects, options.Entry);
        }
        catch (EntryNotFoundException e)
        {
            return new BuiltImage([], [], [new ImageDiagnostic(DiagnosticIds.NoEntry, e.Message, options.Name, [])]);
        }

        ImageLayout layout = new(reached);
        byte[] image = ImageWriter.Write(layout, options, reached.IsaVariable);
        ServiceImage read = ServiceImage.Read(image);
        byte[] debug = DebugFileWriter.Write(layout, read, lines, names);
        DebugFile debugFile = DebugFile.Read(debug);

        List<ImageDiagnostic> diagnostics = [.. new ReachReport(reached, debugFile, names).Diagnostics()];
        ImmutableArray<ImageDiagnostic> verified = ImageVerifier.Verify(
            read, debugFile, new VerifierOptions { MaxImageSize = options.MaxImageSize });
        HashSet<string> coreMethods = [.. debugFile.Methods.Where(m => CoreLibrary.Contains(m.Symbol)).Select(m => m.Name)];
        List<ImageDiagnostic> own = [.. verified.Where(d => !Follows(d, diagnostics, coreMethods))];
        diagnostics.AddRange(own);
        return new BuiltImage(image, debug, [.. diagnostics]);
    }

    /// <summary>
    /// Whether a finding of the verifier only follows from one that the builder made with its reason: what lies in the core
    /// library behind a refused call, the indirect call of an interface method, the handlers that nothing jumps to.
    /// </summary>
    private static bool Follows(ImageDiagnostic diagnostic, List<ImageDiagnostic> reasons, HashSet<string> coreMethods) =>
        reasons.Count != 0 && diagnostic.Id != DiagnosticIds.TooLarge
        && (diagnostic.Id == DiagnosticIds.UnreachedCode || coreMethods.Contains(diagnostic.Method)
            || reasons.Exists(r => r.Method == diagnostic.Method));
}
