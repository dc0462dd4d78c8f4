using System.Collections.Immutable;
using System.IO;
using Sos.Image;
using Sos.Image.Debugging;
using Sos.Image.Verification;

namespace Sos.Cores.Operations;

/// <summary>Reads service images from files. Nothing starts an image that the verifier refuses.</summary>
public static class VerifiedImage
{
    /// <summary>Reads an image.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="SosException">There is no such file, or it is no image.</exception>
    public static ServiceImage ReadUnverified(string path)
    {
        if (!File.Exists(path))
        {
            throw new SosException(SosError.NotFound, $"{path}: there is no such file; 'sosctl image build PROJECT' makes a service's image");
        }

        try
        {
            return ServiceImage.Read(path);
        }
        catch (ImageFormatException e)
        {
            throw new SosException(SosError.BadImage, $"{path} is no service image, or damaged: {e.Message}", e);
        }
    }

    /// <summary>Reads an image and runs the verifier over it.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="SosException">There is no such file, it is no image, or the verifier refuses it.</exception>
    public static ServiceImage Read(string path)
    {
        ServiceImage image = ReadUnverified(path);
        ImmutableArray<ImageDiagnostic> diagnostics = Verify(image, path);
        return diagnostics.IsEmpty ? image : throw new SosException(
            SosError.BadImage,
            $"the verifier refuses {path}: {diagnostics[0].ToCanonicalString(path)}"
            + (diagnostics.Length > 1 ? $", and {diagnostics.Length - 1} more; 'sosctl image verify {path}' shows all" : ""));
    }

    /// <summary>Runs the verifier over an image.</summary>
    /// <param name="image">The image.</param>
    /// <param name="path">Its file; where its debug file lies beside it, refusals name methods and lines.</param>
    /// <returns>Why it is refused; empty when it is accepted.</returns>
    /// <exception cref="SosException">The debug file is damaged.</exception>
    public static ImmutableArray<ImageDiagnostic> Verify(ServiceImage image, string path)
    {
        string debugPath = path + ".debug";
        DebugFile? debug = File.Exists(debugPath) ? ReadDebugFile(debugPath) : null;
        return ImageVerifier.Verify(image, debug is not null && debug.Matches(image) ? debug : null);
    }

    /// <summary>Reads a debug file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="SosException">It is damaged.</exception>
    public static DebugFile ReadDebugFile(string path)
    {
        try
        {
            return DebugFile.Read(path);
        }
        catch (ImageFormatException e)
        {
            throw new SosException(SosError.BadImage, $"{path} is no debug file, or damaged: {e.Message}; remove it, or build the service again", e);
        }
    }
}
